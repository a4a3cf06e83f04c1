"""What parsing takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

Span = tuple[int, int]
"""Characters of a text: the first, and the one after the last."""


class DocumentType(StrEnum):
    """The kinds of file that can be read."""

    TEXT = "txt"
    MARKDOWN = "md"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    EML = "eml"
    CALENDAR = "ics"
    EPUB = "epub"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    RTF = "rtf"
    NOTEBOOK = "ipynb"
    PYTHON = "py"
    CODE = "code"


class PlaceKind(StrEnum):
    """How a person finds a place in the original file."""

    PAGE = "page"
    SLIDE = "slide"
    SHEET = "sheet"
    POINTER = "pointer"
    ROW = "row"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the original file; all numbers count from 1.

    A page or slide has its number, and `last` where it reaches over several, the last of which begins at the character
    `turn` of the text; a sheet has its name as the label. The rows of a sheet or a table file, and the lines of
    source code, are `rows`, the first and the last of them; for the kinds ROW and LINE the number is the first one. A
    pointer's label is a JSON pointer (RFC 6901); in JSON Lines it points into the array of all lines, and the number is
    the line's.
    """

    kind: PlaceKind
    number: int | None = None
    label: str = ""
    rows: tuple[int, int] | None = None
    last: int | None = None
    turn: int | None = None

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {"kind": self.kind.value, "number": self.number, "label": self.label}
        rows = {} if self.rows is None else {"rows": list(self.rows)}
        last = {} if self.last is None else {"last": self.last, "turn": self.turn}
        return data | rows | last

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Place:
        rows = data.get("rows")
        return cls(
            kind=PlaceKind(data["kind"]),
            number=data["number"],
            label=data["label"],
            rows=(rows[0], rows[1]) if rows else None,
            last=data.get("last"),
            turn=data.get("turn"),
        )


def place_narrowed(place: dict[str, Any] | None, start: int, end: int) -> dict[str, Any] | None:
    """A place as it is kept, of the characters from `start` to `end` alone: on the one page where they don't reach over two."""
    if not place or place.get("turn") is None or start < place["turn"] < end:
        return place
    number = place["number"] if end <= place["turn"] else place["last"]
    return {name: value for name, value in place.items() if name not in ("last", "turn")} | {"number": number}


@dataclass(frozen=True, slots=True)
class Section:
    """Characters `start` to `end` (exclusive) of the text, all under the same headings and in the same place.

    Where a sentence `goes_on` over its end, as over the end of a page, the next section has the rest of it.
    """

    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    place: Place | None = None
    goes_on: bool = False

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "start": self.start,
            "end": self.end,
            "heading_path": list(self.heading_path),
            "place": self.place.to_dict() if self.place else None,
        }
        return {**data, "goes_on": True} if self.goes_on else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Section:
        place = data["place"]
        return cls(
            start=data["start"],
            end=data["end"],
            heading_path=tuple(data["heading_path"]),
            place=Place.from_dict(place) if place else None,
            goes_on=bool(data.get("goes_on")),
        )


def sections_to_list(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The sections in a form that JSON can hold."""
    return [section.to_dict() for section in sections]


def sections_from_list(data: Sequence[Mapping[str, Any]]) -> tuple[Section, ...]:
    """The sections that `sections_to_list` wrote."""
    return tuple(Section.from_dict(entry) for entry in data)


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document's text and its sections.

    The sections are in order, don't overlap, and leave out nothing but whitespace; anything else is a ValueError.
    The text has no NUL and no lone surrogate, and its lines end in a newline character only. The `headline` is what stands for a
    title where the file tells none, and its name says nothing either.
    """

    text: str
    sections: tuple[Section, ...]
    title: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    headline: str = ""

    def __post_init__(self) -> None:
        end = 0
        for section in self.sections:
            if not end <= section.start < section.end <= len(self.text):
                raise ValueError(f"Section {section.start}-{section.end} overlaps another or lies outside the text.")
            _check_blank(self.text, start=end, end=section.start)
            end = section.end
        _check_blank(self.text, start=end, end=len(self.text))


def _check_blank(text: str, *, start: int, end: int) -> None:
    if text[start:end].strip():
        raise ValueError(f"The text from {start} to {end} is in no section: {text[start:end][:80]!r}.")


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a file may cost; sizes in bytes, `max_ratio` is unpacked size to packed size of an archive.

    `max_values` bounds what is read or held on the way: values of a JSON file, lines of JSON, elements of an XML part, shared
    strings.
    """

    max_pages: int = 2_000
    max_characters: int = 20_000_000
    max_sections: int = 200_000
    max_values: int = 2_000_000
    max_archive_members: int = 1_000
    max_unpacked_bytes: int = 200 * 1024 * 1024
    max_ratio: int = 100


class Parser(Protocol):
    """Reads files of some types; every failure that lies in the file is a `PermanentError`."""

    name: str
    types: frozenset[DocumentType]

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument: ...
