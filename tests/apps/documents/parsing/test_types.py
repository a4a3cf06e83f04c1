import json

import pytest

from apps.documents.parsing.types import (
    ParsedDocument,
    Place,
    PlaceKind,
    Section,
    sections_from_list,
    sections_to_list,
)


def test_sections_survive_the_way_through_json():
    sections = (
        Section(0, 4, ("Duck", "Food"), Place(PlaceKind.PAGE, 7)),
        Section(5, 9, (), Place(PlaceKind.SHEET, label="Prices")),
        Section(9, 12),
    )
    assert sections_from_list(json.loads(json.dumps(sections_to_list(sections)))) == sections


@pytest.mark.parametrize(
    "sections",
    [
        (Section(0, 4), Section(3, 9)),
        (Section(5, 9), Section(0, 4)),
        (Section(0, 99),),
        (Section(0, 0),),
        (Section(0, 4),),
        (),
    ],
)
def test_a_document_whose_sections_do_not_make_up_its_text_is_refused(sections):
    with pytest.raises(ValueError, match=r"section|Section"):
        ParsedDocument("duck pond", sections)


def test_only_whitespace_may_lie_between_sections():
    assert len(ParsedDocument("duck\n\npond\n", (Section(0, 4), Section(6, 10))).sections) == 2
