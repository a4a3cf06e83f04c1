import json

import pytest

from apps.documents.parsing.types import DocumentType


def cell(kind, source, **more):
    return {"cell_type": kind, "source": source, **more}


@pytest.fixture
def parse(parse_bytes):
    return lambda value: parse_bytes(DocumentType.NOTEBOOK, json.dumps(value).encode())


def test_cells_come_in_order_with_their_pointers_and_headings(parse, outline):
    outputs = [
        {"output_type": "stream", "text": ["4", "2\n"]},
        {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
    ]
    cells = [cell("markdown", ["# Duck\n", "A *bird*."]), cell("code", "print(42)", outputs=outputs), cell("raw", "")]
    document = parse({"cells": cells, "metadata": {"kernelspec": {"language": "python"}}})
    assert outline(document) == [(("Duck",), "Duck\n\nA bird."), (("Duck",), "print(42)\n\n42\n\n<Figure>")]
    assert [section.place.label for section in document.sections] == ["/cells/0", "/cells/1"]
    assert document.metadata == {"language": "python"}


def test_rich_outputs_and_errors_are_text_and_codes_for_the_terminal_are_not(parse):
    outputs = [
        {"output_type": "stream", "text": "\x1b[0;31mHot\x1b[0m: 96\n10%\r20%\rdone\n"},
        {"output_type": "display_data", "data": {"text/html": "<table><tr><td>rich", "text/plain": "<HTML object>"}},
        {"output_type": "display_data", "data": {"text/html": "<script>x()</script>", "text/plain": "plain"}},
        {"output_type": "display_data", "data": {"text/markdown": ["**bold** ", "words"], "text/plain": "<MD object>"}},
        {"output_type": "error", "ename": "Timeout", "evalue": "no answer", "traceback": ["at \x1b[1mx\x1b[0m", "y"]},
        {"output_type": "error", "ename": "E", "evalue": "long", "traceback": ["z" * 3_000, "the end"]},
    ]
    text = parse({"cells": [cell("code", "run()", outputs=outputs)]}).text
    assert text.startswith(
        "run()\n\nHot: 96\ndone\n\n| rich |\n\nplain\n\nbold words\n\nTimeout: no answer\nat x\ny\n\nE: long\nzz"
    )
    assert text.endswith("zz\nthe end")
    assert len(text) < 2_300


def test_notebooks_of_format_3_keep_cells_in_worksheets(parse, outline):
    outputs = [{"output_type": "pyerr", "ename": "E", "evalue": "x"}, {"output_type": "pyout", "html": "<b>rich</b>"}]
    cells = [cell("heading", "Duck", level=2), {"cell_type": "code", "input": "quack()", "outputs": outputs}]
    document = parse({"worksheets": [{"cells": cells}]})
    assert outline(document)[-1] == (("Duck",), "quack()\n\nE: x\n\nrich")
    assert document.sections[-1].place.label == "/worksheets/0/cells/1"


@pytest.mark.parametrize("value", [{"a": 1}, [], {"cells": 7}, {"worksheets": "x"}])
def test_json_that_is_no_notebook_is_refused(refused, value):
    assert refused(DocumentType.NOTEBOOK, json.dumps(value).encode()).error_code == "damaged_file"


def test_cells_of_a_wrong_form_are_passed_over(parse):
    odd = [7, {"cell_type": 5, "source": {}, "outputs": [8, {"data": 9, "text": {}}]}, cell("code", "quack()")]
    assert parse({"cells": odd, "metadata": []}).text == "quack()"
