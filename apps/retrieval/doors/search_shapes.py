"""Passages and searches as the REST API shows them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import Field

from apps.documents.document_names import NAME
from apps.documents.parsing.types import PlaceKind
from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import AccessScope
from apps.retrieval.search.hidden import is_hidden_from
from apps.retrieval.search.legs import PlanOfLeg
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.retrieval import Retrieval
from apps.retrieval.search.surroundings import Neighbour
from apps.retrieval.search.underway import documents_underway


class PlaceOut(Schema):
    """Where in its file something stands: on a page, or, where it goes on over its end, on the pages up to `last`."""

    kind: str
    number: int | None = None
    label: str = ""
    rows: tuple[int, int] | None = None
    page: int | None = Field(None, description="The page, or the first of them, of a file that has pages.")
    last: int | None = Field(None, description="The last page of what goes on over the end of a page.")


class SpanOut(Schema):
    """A span of a document version; `start` and `end` are characters of its parsed text."""

    document: UUID
    title: str
    name: str = Field(description=NAME)
    version: UUID
    version_number: int
    heading_path: list[str]
    place: PlaceOut | None
    start: int
    end: int
    score: float


class ScoresOut(Schema):
    """The score that each step gave a passage; a rank, from 1, is null if the step did not find it.

    `dense` is the cosine similarity, `lexical` BM25, `fused` the score of the hybrid order before names and pages are weighed.
    """

    dense: float | None
    dense_rank: int | None
    lexical: float | None
    lexical_rank: int | None
    fused: float | None
    fused_rank: int | None
    named: float | None = Field(
        description="How much of the question the document's name has, as a share of the most that any has; null if none has."
    )
    name_words: list[str] = Field(description="The words of the question that the document's name has.")
    page_rank: int | None = Field(
        description="Its place, from 1, among the passages of its page that were found; null without pages."
    )
    rerank: float | None
    rerank_rank: int | None


class NeighbourOut(Schema):
    """A chunk `distance` places after the passage, or before it if negative; its text is from `start` to `end`."""

    chunk: int
    distance: int
    start: int
    end: int
    text: str


class SectionOut(Schema):
    """The section a passage is part of; only a part of a very long one, with `complete` false."""

    heading_path: list[str]
    start: int
    end: int
    text: str
    complete: bool


class PassageOut(SpanOut):
    knowledge_base: UUID
    chunk: int
    text: str
    scores: ScoresOut
    neighbours: list[NeighbourOut] = Field(description="With `neighbours`; empty otherwise.")
    section: SectionOut | None = Field(None, description="With `section`.")


class DegradedOut(Schema):
    """A step that could not be done, and what was done instead."""

    step: str
    code: str
    detail: str
    knowledge_bases: list[UUID] = Field(
        description="Those that the step was not done for; all others are as usual. Empty if it is about the answer."
    )


class IndexingOut(Schema):
    """Documents of what was searched, which the caller may read, with a version that was still being indexed."""

    documents: int
    titles: list[str] = Field(description="Of some of them, the newest first.")


INDEXING = "Where something was still being indexed: ask again then. Not kept with a saved answer."


class PartOut(Schema):
    """How a part of an index was searched; `left_out` where nothing in it could meet the filters."""

    part: str = Field(description="Such as `2026-11`, `2026` or `pdf`.")
    plan: str


class PlanOut(Schema):
    """How a leg searched these index generations."""

    leg: Mode
    plan: str
    generations: list[int]
    parts: list[PartOut] = Field(
        description="Where the generation's vectors are kept in parts, and the caller may read all of its documents; else empty."
    )


class ExplanationOut(Schema):
    """How the passages came about; `candidates` says how many chunks each step left."""

    mode: Mode
    fusion: Fusion
    weight: float
    names: float
    same_page: float
    plans: list[PlanOut]
    candidates: dict[str, int]
    milliseconds: dict[str, float]


class SearchOut(Schema):
    passages: list[PassageOut]
    milliseconds: dict[str, float]
    degraded: list[DegradedOut] = Field(description="Empty as a rule.")
    indexing: IndexingOut | None = Field(None, description=INDEXING)
    explanation: ExplanationOut | None = Field(None, description="With `explain`.")


def search_out(found: Retrieval, indexing: IndexingOut | None, *, explain: bool = False) -> SearchOut:
    """What was found."""
    return SearchOut(
        passages=[passage_out(passage) for passage in found.passages],
        milliseconds=dict(found.milliseconds),
        degraded=[DegradedOut(**one.record()) for one in found.degraded],
        indexing=indexing,
        explanation=explanation_out(found) if explain else None,
    )


def passage_out(passage: Passage) -> PassageOut:
    return PassageOut(
        knowledge_base=passage.knowledge_base_id,
        document=passage.document_id,
        title=passage.document_title,
        name=passage.document_name,
        version=passage.version_id,
        version_number=passage.version_number,
        chunk=passage.chunk_id,
        heading_path=list(passage.heading_path),
        place=place_out(passage.place),
        start=passage.start,
        end=passage.end,
        text=passage.text,
        score=passage.score,
        scores=ScoresOut.model_validate(passage.scores),
        neighbours=[_neighbour(one) for one in passage.neighbours],
        section=SectionOut.model_validate(passage.section) if passage.section else None,
    )


def _neighbour(one: Neighbour) -> NeighbourOut:
    return NeighbourOut(chunk=one.chunk_id, distance=one.distance, start=one.start, end=one.end, text=one.text)


def explanation_out(found: Retrieval) -> ExplanationOut:
    settings = found.settings
    return ExplanationOut(
        mode=settings.mode,
        fusion=settings.fusion,
        weight=settings.weight,
        names=settings.names,
        same_page=settings.same_page,
        plans=[_plan(plan, found) for plan in found.plans],
        candidates=dict(found.candidates),
        milliseconds=dict(found.milliseconds),
    )


def _plan(plan: PlanOfLeg, found: Retrieval) -> PlanOut:
    told = plan.parts if plan.parts and not _tells_of_hidden(plan, found) else ()
    parts = [PartOut(part=one.key, plan=one.plan) for one in told]
    return PlanOut(leg=plan.leg, plan=plan.plan, generations=list(plan.generations), parts=parts)


def _tells_of_hidden(plan: PlanOfLeg, found: Retrieval) -> bool:
    """A part is there because some document is."""
    bases = [one.knowledge_base_id for one in found.generations if one.pk in plan.generations]
    return any(is_hidden_from(found.scope, knowledge_base_id) for knowledge_base_id in bases)


def indexing_out(scope: AccessScope) -> IndexingOut | None:
    """To be asked before the search: what becomes ready during it counts as not yet there."""
    underway = documents_underway(scope)
    return IndexingOut(documents=underway.documents, titles=list(underway.titles)) if underway.documents else None


def place_out(place: dict[str, Any] | None) -> PlaceOut | None:
    if not place:
        return None
    return PlaceOut(**place, page=place["number"] if place["kind"] == PlaceKind.PAGE else None)
