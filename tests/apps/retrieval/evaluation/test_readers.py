from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.retrieval.evaluation.folder import beir_folder, lines_of
from apps.retrieval.evaluation.readers import (
    CorpusDocument,
    JudgementRow,
    NamedLines,
    QuestionRow,
    UnreadableSetError,
    corpus_read,
    csv_read,
    qrels_read,
    queries_read,
)


def source(*lines: str) -> NamedLines:
    return NamedLines("file", lines)


def test_a_corpus_is_read_with_or_without_titles_and_with_numbers_as_ids() -> None:
    found = list(
        corpus_read(source('{"_id": 7, "text": "b"}\n', "\n", '{"_id": "x", "title": "T", "text": "c", "n": 1}'))
    )
    assert found == [CorpusDocument("7", "", "b"), CorpusDocument("x", "T", "c")]
    assert [one.body for one in found] == ["b", "T\n\nc"]


def test_a_judgement_of_score_0_or_less_says_that_it_is_not_relevant() -> None:
    rows = ["query-id\tcorpus-id\tscore\n", "q1\td1\t2\n", "q1\td2\t0\n", "q1\td3\t-1\r\n", "q2\td 4\t1\r\n"]
    grades = {"d1": 2, "d2": 0, "d3": 0, "d 4": 1}
    assert {one.document_id: one.grade for one in qrels_read(source(*rows))} == grades


def test_judgements_without_a_header_lose_no_line() -> None:
    assert list(qrels_read(source("q1\td1\t1\n"))) == [JudgementRow("q1", "d1", 1)]


@pytest.mark.parametrize(
    ("read", "lines", "told"),
    [
        (corpus_read, ['{"_id": "a", "text": "b"}', "{"], "line 2: '{' is not JSON"),
        (corpus_read, ["[1]"], "'[1]' is not a JSON object"),
        (corpus_read, ['{"text": "b"}'], "\"_id\" is 'None'"),
        (corpus_read, ['{"_id": true, "text": "b"}'], "\"_id\" is 'True'"),
        (corpus_read, ['{"_id": "' + "x" * 201 + '", "text": "b"}'], "must have 1 to 200"),
        (corpus_read, ['{"_id": "a"}'], "'text' is 'None' and not a text"),
        (corpus_read, ['{"_id": "a", "text": "\\u0000"}'], "can't be stored"),
        (corpus_read, ['{"_id": "a", "text": "\\ud800"}'], "can't be stored"),
        (queries_read, ['{"_id": "a", "text": " "}'], "the query has no text"),
        (qrels_read, ["q1 d1 1"], "line 1: 'q1 d1 1' is not query-id"),
        (qrels_read, ["q1\td1\thigh"], "the score 'high' is no whole number"),
        (qrels_read, ["q1\td1\t99999"], "the score '99999' is no whole number up to 32767"),
        (csv_read, ["question,answer\n"], "there is no column 'answer'"),
        (csv_read, ["question\n"], "needs the columns question and document"),
        (csv_read, ["question,document\n", "a,b,c\n"], "line 2: there are more fields"),
        (csv_read, ["question,document\n", " ,b\n"], "question or document is empty"),
        (csv_read, ["question,document,grade\n", "a,b,x\n"], "the score 'x'"),
    ],
)
def test_a_line_that_is_wrong_is_named(read: Callable[[NamedLines], Any], lines: list[str], told: str) -> None:
    with pytest.raises(UnreadableSetError) as error:
        list(read(source(*lines)))
    assert "file, line " in error.value.message
    assert told in error.value.message


def test_a_csv_may_leave_columns_out() -> None:
    (row,) = csv_read(source("question,document\n", '"a, b",d1\n'))
    assert (row.question, row.document, row.passage, row.grade, row.reference_answer) == ("a, b", "d1", "", 1, "")


def test_a_folder_may_hold_its_files_gzipped_and_the_judgements_one_level_down(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"_id": "a", "text": "Käse"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "?"}\n')
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("q\ta\t1\n")
    folder = beir_folder(tmp_path)
    with lines_of(folder.corpus) as corpus, lines_of(folder.queries) as queries, lines_of(folder.qrels) as qrels:
        assert list(corpus_read(corpus)) == [CorpusDocument("a", "", "Käse")]
        assert list(queries_read(queries)) == [QuestionRow("q", "?")]
        assert list(qrels_read(qrels)) == [JudgementRow("q", "a", 1)]


def test_a_folder_that_lacks_a_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSetError, match="is not a folder"):
        beir_folder(tmp_path / "none")
    (tmp_path / "corpus.jsonl").touch()
    with pytest.raises(UnreadableSetError, match=r"There is no queries\.jsonl in"):
        beir_folder(tmp_path)


@pytest.mark.parametrize("content", [b"\x1f\x8b\x08\x00 no gzip", b"\xff\xfe\x00"], ids=["damaged gzip", "no UTF-8"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnreadableSetError, match=r"corpus\.jsonl can't be read"), lines_of(path) as lines:
        list(corpus_read(lines))


def test_the_mark_that_spreadsheet_programs_put_first_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_bytes("\ufeffquestion,document\r\nWhen?,tides\r\n".encode())
    with lines_of(path) as lines:
        assert [row.document for row in csv_read(lines)] == ["tides"]
