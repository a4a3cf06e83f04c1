"""The passages (chunks) that a version is found by: a page of them, those with certain words, or the page with a span."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import QuerySet

from apps.documents.admin.addresses import place_url
from apps.documents.admin.wording import heading_in_words, place_in_words
from apps.documents.lifecycle.chunks import chunks_of_version
from apps.documents.models import Chunk
from apps.documents.parsing.types import PlaceKind
from apps.monitoring.workspace.document.opened import Opened, number_in

PAGE_SIZE = 50
LONGEST_SEARCH = 200
LAST_PAGE = 100_000
PAGED = (PlaceKind.PAGE, PlaceKind.SLIDE)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a version's parsed text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk in the list; `place_query` is what the panel beside it is asked for."""

    chunk: Chunk
    is_chosen: bool

    @property
    def number(self) -> int:
        return self.chunk.ordinal + 1

    @property
    def heading(self) -> str:
        return heading_in_words(self.chunk.heading_path)

    @property
    def where(self) -> str:
        return place_in_words(self.chunk.place)

    @property
    def place_query(self) -> str:
        return place_query(Span(self.chunk.start, self.chunk.end), self.chunk)


@dataclass(frozen=True, slots=True)
class Passages:
    """A page of passages, with the words that were searched for and the span that the address names."""

    opened: Opened
    rows: list[Passage]
    wanted: str
    page: int
    has_next: bool
    span: Span | None
    place_url: str

    @property
    def total(self) -> int:
        return self.opened.shown.chunk_count

    @property
    def first_place(self) -> str:
        """What the panel shows at first: the span of the address, else the first passage."""
        chosen = next((row for row in self.rows if row.is_chosen), None)
        if self.span is not None:
            return f"{self.place_url}?{place_query(self.span, chosen.chunk if chosen else None)}"
        return f"{self.place_url}?{self.rows[0].place_query}" if self.rows else ""

    @property
    def previous_query(self) -> str:
        return self._query(self.page - 1)

    @property
    def next_query(self) -> str:
        return self._query(self.page + 1)

    def _query(self, page: int) -> str:
        said = {"version": self.opened.shown.number, "page": page, **({"q": self.wanted} if self.wanted else {})}
        return urlencode(said)


def place_query(span: Span, chunk: Chunk | None) -> str:
    """Where the span is, for the panel; with the page of the chunk that holds it, if there are pages."""
    place = chunk.place if chunk is not None else None
    page = {"page": place["number"]} if place and place["kind"] in PAGED and place["number"] is not None else {}
    return urlencode({"start": span.start, "end": span.end, **page})


def passages_of(opened: Opened, said: Mapping[str, str]) -> Passages:
    """The page that the address asks for: by its number, by words, or with its span. Nothing is counted."""
    chunks = chunks_of_version(opened.shown)
    wanted = said.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    span, holding = _span_in(said, chunks)
    named = number_in(said, "page")
    page = min(named or (holding.ordinal // PAGE_SIZE + 1 if holding and not wanted else 1), LAST_PAGE)
    found = _page(chunks, wanted, (page - 1) * PAGE_SIZE)
    chosen = holding.pk if holding else next((chunk.pk for chunk in found if span is None and not wanted), None)
    return Passages(
        opened=opened,
        rows=[Passage(chunk, chunk.pk == chosen) for chunk in found[:PAGE_SIZE]],
        wanted=wanted,
        page=page,
        has_next=len(found) > PAGE_SIZE,
        span=span,
        place_url=place_url(opened.shown),
    )


def _page(chunks: QuerySet[Chunk], wanted: str, first: int) -> list[Chunk]:
    """One more than are on a page. Without words to search for, the index leads to it however far it is."""
    if wanted:
        return list(chunks.filter(text__icontains=wanted)[first : first + PAGE_SIZE + 1])
    return list(chunks.filter(ordinal__gte=first, ordinal__lte=first + PAGE_SIZE))


def _span_in(said: Mapping[str, str], chunks: QuerySet[Chunk]) -> tuple[Span | None, Chunk | None]:
    """The span of the address, and the first chunk that holds it, or begins nearest before it; that one itself for `at`."""
    start, end, at = (number_in(said, name) for name in ("start", "end", "at"))
    if at is not None:
        near = chunks.filter(start__lte=at).last()
        return (Span(near.start, near.end), near) if near else (None, None)
    if start is None or end is None or end <= start:
        return None, None
    whole = chunks.filter(start__lte=start, end__gte=end).first()
    return Span(start, end), whole or chunks.filter(start__lte=start).last()
