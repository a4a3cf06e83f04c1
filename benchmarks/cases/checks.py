"""The kinds of check that an `expect.json` is a list of, with what each says. Files have the names they have in the folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragsite_client.options import Mode

from benchmarks.cases.texts import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCheck:
    """The parsed text contains and lacks these; with `or_about` title, metadata and tags count as text."""

    file: str
    contains: Sequence[Wanted] = ()
    lacks: Sequence[Wanted] = ()
    or_about: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCheck:
    """The texts stand in the parsed text one after another."""

    file: str
    texts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A row of a table has the cells in this order; see `rows.wrong_row`."""

    file: str
    cells: Sequence[str]
    under: Mapping[str, Sequence[str]] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleCheck:
    """The document's title has these words; of a ZIP with a `member`, the name or title of one of its documents."""

    file: str
    title: Wanted
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCheck:
    """`finds` is among the first three that a search finds, narrowed to `files` if there are some.

    With `or_about` it is enough that the words are in the document's title, metadata or tags.
    """

    mode: Mode
    query: str
    finds: str
    files: Sequence[str] = ()
    or_about: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCheck:
    """There is an answer to the question; it contains these words, and what it rests on is quoted as it should be.

    One citation has all of `quote_whole`, or of one of several ways of writing it, and is at most `at_most` times as
    long. One is on one of these pages.
    """

    question: str
    answer_contains: Sequence[Wanted] = ()
    quote_whole: str | Sequence[str] = ()
    at_most: float = 2
    page: Sequence[int] = ()
    files: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksCheck:
    """No chunk begins or ends so, where `M` is any combining character; each with the pattern `rows` has or carries the header.

    With a `chunking` the file lies in a knowledge base of its own that is cut so.
    """

    file: str
    never_start_with: Sequence[str] = ()
    never_end_with: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: str = "$^"
    chunking: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadCheck:
    """After these steps, in an empty knowledge base, all of these things hold; see `uploading`."""

    steps: Sequence[Mapping[str, Any]]
    expects: Sequence[Mapping[str, Any]]


Check = TextCheck | OrderCheck | RowCheck | TitleCheck | SearchCheck | AskCheck | ChunksCheck | UploadCheck

KINDS: dict[str, type[Check]] = {
    "text": TextCheck,
    "order": OrderCheck,
    "row": RowCheck,
    "title": TitleCheck,
    "search": SearchCheck,
    "ask": AskCheck,
    "chunks": ChunksCheck,
    "upload": UploadCheck,
}
NAMES = {kind: name for name, kind in KINDS.items()}
PARSE_LEVEL = ("text", "order", "row", "title")
"""What a parser alone can be held against."""

EXPECTED = "expect.json"


@dataclass(frozen=True, slots=True)
class Case:
    """A folder with small files, and what must come of them."""

    folder: Path
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def files(self) -> list[Path]:
        """Those that are uploaded before all else."""
        found = sorted(path for path in self.folder.iterdir() if path.is_file())
        return [path for path in found if not path.name.startswith(("expect.", "."))]


def cases_of(folder: Path, only: Sequence[str] = ()) -> list[Case]:
    """The cases of a folder in the order of their names, or those whose names have one of `only` in them."""
    found = sorted(path.parent for path in folder.glob(f"*/{EXPECTED}"))
    return [_case(one) for one in found if not only or any(name.rstrip("/") in one.name for name in only)]


def _case(folder: Path) -> Case:
    told = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    return Case(folder, tuple(_check(one) for one in told))


def _check(told: dict[str, Any]) -> Check:
    return KINDS[told["kind"]](**{name: value for name, value in told.items() if name != "kind"})
