"""Answers and passages made ready for the Ask tab, from the shapes that every door gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.documents.admin.addresses import span_url
from apps.documents.admin.wording import where_in_words
from apps.documents.document_names import document_name
from apps.monitoring.workspace.ask.scores import Bar, figures_said, scores_said, search_said, waterfall
from apps.monitoring.workspace.ask.text import Block, Quote, blocks_of
from apps.retrieval.answers.types import Verdict
from apps.retrieval.doors.answer_shapes import AnswerOut, CitationOut, SentenceOut, SourceOut
from apps.retrieval.doors.exporting import text_with_sources
from apps.retrieval.doors.search_shapes import DegradedOut, IndexingOut, PassageOut, SpanOut
from apps.retrieval.doors.stream_shapes import RetrievedOut
from ragsite.core.numbers import number_shown

Found: TypeAlias = PassageOut | SourceOut
SpanKey: TypeAlias = tuple[UUID, int, int]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and where. `side` tells two answers on one page apart, `eyes` names whose rights are tried, if not one's own."""

    knowledge_base: str
    knowledge_base_id: UUID
    language: str
    side: str = "a"
    eyes: str = ""
    may_mark: bool = False
    may_open: bool = False
    narrowed: bool = False


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage by its number, from 1; `marks` and `wrongs` are what the buttons of the evaluation set send, as JSON."""

    key: str
    number: int
    name: str
    title: str
    url: str
    version_number: int
    where: str
    blocks: list[Block]
    said: str
    figures: str
    marks: str
    wrongs: str
    is_cited: bool

    @property
    def anchor(self) -> str:
        return passage_anchor(self.key, self.number)


@dataclass(frozen=True, slots=True)
class Source:
    """A span that is cited, by its number; `anchor` is where it stands on the page, `url` where in the document, if that may be
    opened.
    """

    number: int
    name: str
    title: str
    where: str
    quote: str
    anchor: str
    url: str = ""

    @property
    def href(self) -> str:
        return f"#{self.anchor}"


@dataclass(frozen=True, slots=True)
class ShownSentence:
    """A sentence of the answer with what it rests on."""

    text: str
    sources: tuple[Source, ...]
    is_weak: bool


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A question with its answer and passages, and how both came about."""

    key: str
    out: AnswerOut
    sentences: list[ShownSentence]
    loose: list[Source]
    """What is quoted and stands in none of the passages."""
    passages: list[ShownPassage]
    bars: list[Bar]
    milliseconds: float
    told: list[str]
    copied: str
    url: str
    """The question's page; empty where nothing is kept."""

    @property
    def seconds(self) -> str:
        return number_shown(self.milliseconds / 1000, 2)

    @property
    def copy_id(self) -> str:
        return f"{self.key}-copied"

    @property
    def figures(self) -> bool:
        """Whether there are exact figures to show."""
        return any(one.figures for one in self.passages)


class Numbers:
    """The numbers of what is cited, as it first appears: a span that two sentences rest on has one."""

    def __init__(self, key: str, viewer: Viewer) -> None:
        self._key, self._viewer = key, viewer
        self._sources: dict[SpanKey, Source] = {}
        self._placed: set[int] = set()

    @property
    def sources(self) -> Sequence[Source]:
        return list(self._sources.values())

    def source(self, span: SpanOut, quote: str) -> Source:
        place = (span.version, span.start, span.end)
        number = len(self._sources) + 1
        url = _url(span, self._viewer, span.start, span.end)
        made = Source(number, span.name, span.title, _where_of_version(span), quote, f"{self._key}-c{number}", url)
        return self._sources.setdefault(place, made)

    @property
    def loose(self) -> list[Source]:
        """Those that stand in none of the passages that were asked for."""
        return [one for one in self._sources.values() if one.number not in self._placed]

    def quotes_in(self, passage: SpanOut) -> list[Quote]:
        """What is cited of the passage, in characters of its text. Of passages that overlap, the number leads to the first."""
        first, past = passage.start, passage.end
        quotes = [
            Quote(one.number, max(start, first) - first, min(end, past) - first, one.number not in self._placed)
            for (version, start, end), one in self._sources.items()
            if version == passage.version and start < past and end > first
        ]
        self._placed.update(one.number for one in quotes)
        return quotes


def turn_key(answer_id: UUID, viewer: Viewer) -> str:
    """By which the parts of an answer are found on the page."""
    return f"{viewer.side}{answer_id.hex[-12:]}"


def passage_anchor(key: str, number: int) -> str:
    """Where a passage of an answer stands on the page."""
    return f"{key}-p{number}"


def passage_of(span: SpanOut, passages: Sequence[SpanOut]) -> int | None:
    """The number of the first passage that the span stands in."""
    within = (
        number
        for number, one in enumerate(passages, start=1)
        if one.version == span.version and one.start < span.end and one.end > span.start
    )
    return next(within, None)


def turn_shown(out: AnswerOut, retrieved: RetrievedOut | None, viewer: Viewer) -> ShownTurn:
    """The finished answer; without what was retrieved its passages have no scores."""
    key = turn_key(out.id, viewer)
    numbers = Numbers(key, viewer)
    cited = {one.id: one for one in out.citations}
    sentences = [_sentence(one, cited, numbers) for one in out.sentences if one.shown]
    found: Sequence[Found] = retrieved.passages if retrieved else out.passages
    meant = out.searched_for or out.question
    passages = passages_shown(found, viewer, key=key, question=meant, numbers=numbers)
    said = [(one.text, [source.number for source in one.sources]) for one in sentences] or [(out.answer, [])]
    return ShownTurn(
        key=key,
        out=out,
        sentences=sentences,
        loose=numbers.loose,
        passages=passages,
        bars=waterfall(out.milliseconds),
        milliseconds=sum(out.milliseconds.values()),
        told=search_said(retrieved.explanation if retrieved else None),
        copied=text_with_sources(said, numbers.sources),
        url="" if viewer.eyes else reverse("admin:retrieval_answer_change", args=[out.id]),
    )


def passages_shown(
    found: Sequence[Found], viewer: Viewer, *, key: str, question: str, numbers: Numbers | None = None
) -> list[ShownPassage]:
    """The passages, best first, with the words of the question and what is cited."""
    numbered = numbers or Numbers(key, viewer)
    return [
        _passage(number, one, viewer, key, question, numbered.quotes_in(one))
        for number, one in enumerate(found, start=1)
    ]


def degraded_said(steps: Sequence[DegradedOut]) -> list[str]:
    """What could not be done as it was asked for."""
    return [one.detail for one in steps]


def indexing_said(indexing: IndexingOut | None) -> Sequence[str]:
    """What documents are called that are still being read; those that are not told are counted."""
    if indexing is None:
        return ()
    more = indexing.documents - len(indexing.titles)
    return [*map(document_name, indexing.titles), *([f"+ {number_shown(more)}"] if more > 0 else [])]


def _passage(number: int, one: Found, viewer: Viewer, key: str, question: str, quotes: Sequence[Quote]) -> ShownPassage:
    scores = one.scores if isinstance(one, PassageOut) else None
    marks = {
        "question": question, "knowledge_base": str(viewer.knowledge_base_id),
        "version": str(one.version), "start": one.start, "end": one.end,
    }  # fmt: skip
    return ShownPassage(
        key=key,
        number=number,
        name=one.name,
        title=one.title,
        url=_opened_at(one, viewer, quotes),
        version_number=one.version_number,
        where=_where(one),
        blocks=blocks_of(one.text, question=question, quotes=quotes, is_beginning=one.start == 0),
        said=scores_said(scores),
        figures=figures_said(scores),
        marks=json.dumps(marks) if viewer.may_mark else "",
        wrongs=json.dumps(marks | {"wrong": "on"}) if viewer.may_mark else "",
        is_cited=bool(quotes),
    )


def _opened_at(one: Found, viewer: Viewer, quotes: Sequence[Quote]) -> str:
    """Where the document is opened at what is cited first of the passage, or at the passage."""
    cited = min(quotes, key=lambda quote: quote.start, default=None)
    start, end = (one.start + cited.start, one.start + cited.end) if cited else (one.start, one.end)
    return _url(one, viewer, start, end)


def _url(span: SpanOut, viewer: Viewer, start: int, end: int) -> str:
    """Empty where the document may not be opened."""
    if not viewer.may_open:
        return ""
    return span_url(viewer.knowledge_base_id, span.document, version=span.version_number, start=start, end=end)


def _sentence(one: SentenceOut, cited: Mapping[int, CitationOut], numbers: Numbers) -> ShownSentence:
    sources = (numbers.source(cited[pk], cited[pk].quote) for pk in one.citations)
    return ShownSentence(one.text, tuple(dict.fromkeys(sources)), one.verdict is Verdict.WEAK)


def _where_of_version(span: SpanOut) -> str:
    return ", ".join(filter(None, (_("version %(number)d") % {"number": span.version_number}, _where(span))))


def _where(span: SpanOut) -> str:
    return where_in_words(span.heading_path, span.place.model_dump() if span.place else None)
