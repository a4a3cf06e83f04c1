"""Reads what evaluation sets are imported from: the three files of BEIR, and CSV. Pure, line by line, bounded memory.

BEIR (Thakur et al., NeurIPS 2021): `corpus.jsonl` with `_id`, `title`, `text`; `queries.jsonl` with `_id`, `text`;
`qrels.tsv` with the columns query-id, corpus-id, score under a header.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ragsite.core.bounds import LONGEST_TEXT
from ragsite.core.errors import PermanentError

LONGEST_ID = 200
LARGEST_GRADE = 32_767
CSV_COLUMNS = ("question", "document", "passage", "grade", "reference_answer")


class UnreadableSetError(PermanentError):
    """A file of an evaluation set that can't be read; the message names file and line."""

    code = "unreadable_evaluation_set"
    action = "Correct that line, or leave it out."


@dataclass(frozen=True, slots=True)
class NamedLines:
    """Lines, and the name of where they come from, for messages."""

    name: str
    lines: Iterable[str]

    def error(self, line: int, what: str) -> UnreadableSetError:
        return UnreadableSetError(f"{self.name}, line {line}: {what}.")


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document of a corpus."""

    id: str
    title: str
    text: str

    @property
    def body(self) -> str:
        """The title as the first line, then the text."""
        return "\n\n".join(part for part in (self.title.strip(), self.text.strip()) if part)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question and its id in the file."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class JudgementRow:
    """That a document, by its id in the file, is relevant to a question; with grade 0, that it is not."""

    question_id: str
    document_id: str
    grade: int


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A line of CSV: a question, a document by its id or external id, and perhaps the words of it that answer, or with grade 0
    do not.
    """

    line: int
    question: str
    document: str
    passage: str
    grade: int
    reference_answer: str


def corpus_read(source: NamedLines) -> Iterator[CorpusDocument]:
    """The documents of a corpus.jsonl."""
    for line, entry in _objects(source):
        title = _text(source, line, entry, "title", default="")
        yield CorpusDocument(_id(source, line, entry), title, _text(source, line, entry, "text"))


def queries_read(source: NamedLines) -> Iterator[QuestionRow]:
    """The questions of a queries.jsonl."""
    for line, entry in _objects(source):
        text = _text(source, line, entry, "text").strip()
        if not text:
            raise source.error(line, "the query has no text")
        _fitting(source, line, "the query", text)
        yield QuestionRow(_id(source, line, entry), text)


def qrels_read(source: NamedLines) -> Iterator[JudgementRow]:
    """The judgements of a qrels.tsv; a score of 0 or less says that the document is not relevant."""
    for line, text in enumerate(source.lines, start=1):
        columns = text.rstrip("\r\n").split("\t")
        if columns == [""] or (line == 1 and columns[0] == "query-id"):
            continue
        if len(columns) != 3:
            raise source.error(line, f"{text.strip()[:80]!r} is not query-id, corpus-id and score with tabs between")
        yield JudgementRow(columns[0], columns[1], max(0, _grade(source, line, columns[2])))


def csv_read(source: NamedLines) -> Iterator[CsvRow]:
    """The rows of a CSV with the columns question and document, and perhaps passage, grade and reference_answer."""
    reader = csv.DictReader(source.lines)
    unknown = sorted(set(reader.fieldnames or []) - set(CSV_COLUMNS))
    if unknown or not {"question", "document"} <= set(reader.fieldnames or []):
        wrong = f"there is no column {unknown[0]!r}" if unknown else "it needs the columns question and document"
        raise source.error(1, f"{wrong}; known are {', '.join(CSV_COLUMNS)}")
    try:
        yield from (_csv_row(source, reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise source.error(reader.line_num, str(error)) from error


def _csv_row(source: NamedLines, line: int, row: dict[str, Any]) -> CsvRow:
    if None in row:
        raise source.error(line, "there are more fields than columns")
    values = {name: (row.get(name) or "").strip() for name in CSV_COLUMNS}
    if not values["question"] or not values["document"]:
        raise source.error(line, "question or document is empty")
    for name in ("question", "reference_answer"):
        _fitting(source, line, f"the {name}", values[name])
    grade = max(0, _grade(source, line, values["grade"] or "1"))
    return CsvRow(
        line, values["question"], values["document"], values["passage"], grade, values["reference_answer"]
    )  # fmt: skip


def _objects(source: NamedLines) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(source.lines, start=1):
        if not text.strip():
            continue
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise source.error(line, f"{text.strip()[:80]!r} is not JSON") from error
        if not isinstance(entry, dict):
            raise source.error(line, f"{text.strip()[:80]!r} is not a JSON object")
        yield line, entry


def _id(source: NamedLines, line: int, entry: dict[str, Any]) -> str:
    given = entry.get("_id")
    if not isinstance(given, str | int) or isinstance(given, bool) or not 1 <= len(str(given)) <= LONGEST_ID:
        raise source.error(line, f'"_id" is {str(given)[:80]!r}, and must have 1 to {LONGEST_ID} characters')
    return _storable(source, line, str(given))


def _text(source: NamedLines, line: int, entry: dict[str, Any], name: str, *, default: str | None = None) -> str:
    given = entry.get(name, default)
    if not isinstance(given, str):
        raise source.error(line, f"{name!r} is {str(given)[:80]!r} and not a text")
    return _storable(source, line, given)


def _fitting(source: NamedLines, line: int, what: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise source.error(line, f"{what} has {len(text):,} characters, and {LONGEST_TEXT:,} are kept")


def _storable(source: NamedLines, line: int, text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise source.error(line, f"{text[:40]!r} holds a character that can't be stored")
    return text


def _grade(source: NamedLines, line: int, text: str) -> int:
    try:
        grade = int(text)
    except ValueError:
        grade = LARGEST_GRADE + 1
    if grade > LARGEST_GRADE:
        raise source.error(line, f"the score {text[:40]!r} is no whole number up to {LARGEST_GRADE}")
    return grade
