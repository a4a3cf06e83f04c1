"""The REST door to search and answers: parse, call the pipeline, answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field, Strict, StrictBool, StrictInt, StringConstraints

from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import AccessScope, access_scope
from apps.models.gateway import Deadline
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.doors.filters_api import FiltersIn
from apps.retrieval.models import Answer, Citation
from apps.retrieval.pipeline import ask, retrieve
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from apps.retrieval.search.surroundings import Neighbour
from apps.retrieval.search.underway import documents_underway
from ragsite.core.configuration import SearchSettings
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission
from ragsite.gateway.names import StrictBody
from ragsite.gateway.problem_codes import MODELS
from ragsite.gateway.problem_schemas import own_codes

router = Router(auth=KeyBearer(), tags=["query"])
Exactly = Annotated[float, Strict()]
"""A number of JSON: neither true nor a text is one."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class QueryBody(StrictBody):
    """What to search for, and where: in the named knowledge bases, or in all that the key may see."""

    knowledge_bases: list[UUID] | None = Field(None, max_length=50)
    top_k: StrictInt = Field(10, ge=1, le=100)
    mode: Mode | None = Field(None, description="Which legs answer; as the knowledge bases are set if not given.")
    fusion: Fusion | None = Field(None, description="How a hybrid search combines the rankings of its legs.")
    weight: Exactly | None = Field(None, ge=0, le=1, description="The share of meaning in a hybrid search.")
    threshold: Exactly | None = Field(
        None,
        allow_inf_nan=False,
        description="The least `score` of a passage, on the scale of the mode, before reranking.",
    )
    filters: FiltersIn = FiltersIn()
    rerank: StrictBool = Field(False, description="Let a reranker reorder the best passages.")
    diversity: Exactly = Field(0.0, ge=0, le=1, description="How much passages should differ from each other.")

    def request(self, text: str) -> SearchRequest:
        """The search that this body asks for.

        Raises:
            InvalidFilterError, InvalidTagsError, UnknownTypeNameError: a filter makes no sense.
        """
        return SearchRequest(
            text,
            top_k=self.top_k,
            mode=self.mode,
            fusion=self.fusion,
            weight=self.weight,
            threshold=self.threshold,
            filters=self.filters.meant(),
            rerank=self.rerank,
            diversity=self.diversity,
        )


class SearchBody(QueryBody):
    query: Text
    neighbours: StrictInt = Field(0, ge=0, le=10, description="Chunks before and after each passage.")
    section: StrictBool = Field(False, description="The section each passage is part of, with its subsections.")
    explain: StrictBool = False

    def request(self, text: str) -> SearchRequest:
        """As for a question, with what is around the passages."""
        return replace(super().request(text), neighbours=self.neighbours, section=self.section)


class AskBody(QueryBody):
    question: Text


class PlaceOut(Schema):
    kind: str
    number: int | None = None
    label: str = ""
    rows: tuple[int, int] | None = None


class SpanOut(Schema):
    """A span of a document version; `start` and `end` are characters of its parsed text."""

    document: UUID
    title: str
    version: UUID
    version_number: int
    heading_path: list[str]
    place: PlaceOut | None
    start: int
    end: int
    score: float


class ScoresOut(Schema):
    """The score that each step gave a passage; a rank, from 1, is null if the step did not find it.

    `dense` is the cosine similarity, `lexical` BM25, `fused` the score of the hybrid order.
    """

    dense: float | None
    dense_rank: int | None
    lexical: float | None
    lexical_rank: int | None
    fused: float | None
    fused_rank: int | None
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


INDEXING = "Where something was still being indexed: ask again then. Not kept with a saved answer."


class PlanOut(Schema):
    """How a leg searched these index generations."""

    leg: Mode
    plan: str
    generations: list[int]


class ExplanationOut(Schema):
    """How the passages came about; `candidates` says how many chunks each step left."""

    mode: Mode
    fusion: Fusion
    weight: float
    plans: list[PlanOut]
    candidates: dict[str, int]
    milliseconds: dict[str, float]


class SearchOut(Schema):
    passages: list[PassageOut]
    milliseconds: dict[str, float]
    degraded: list[DegradedOut] = Field(description="Empty as a rule.")
    indexing: IndexingOut | None = Field(None, description=INDEXING)
    explanation: ExplanationOut | None = Field(None, description="With `explain`.")


class CitationOut(SpanOut):
    claim: int
    quote: str


class AnswerOut(Schema):
    """`found` is false when the documents hold no answer; the citations' `claim` counts the answer's sentences from 0."""

    id: UUID
    question: str
    answer: str
    found: bool
    generator: str
    citations: list[CitationOut]
    milliseconds: dict[str, float]
    degraded: list[DegradedOut] = Field(description="Empty as a rule.")
    indexing: IndexingOut | None = Field(None, description=INDEXING)
    created_at: datetime


SEARCHING = own_codes(
    *MODELS, "not_found", "no_reranker", "invalid_filter", "invalid_tags", "unknown_type_name", "invalid_retrieval"
)


@router.post("/search", response={200: SearchOut}, openapi_extra=SEARCHING, summary="Search passages")
def search_passages(request: HttpRequest, body: SearchBody) -> HttpResponse:
    """The passages that answer the query best, best first."""
    scope = access_scope(_caller(request), knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(SearchSettings.current().seconds)
    indexing = _indexing(scope)
    found = retrieve(body.request(body.query), scope=scope, deadline=deadline)
    out = SearchOut(
        passages=[_passage(passage) for passage in found.passages],
        milliseconds=dict(found.milliseconds),
        degraded=[DegradedOut(**one.record()) for one in found.degraded],
        indexing=indexing,
        explanation=_explanation(found) if body.explain else None,
    )
    # Written here, as django-ninja would first check all of it a second time.
    return HttpResponse(out.model_dump_json(), content_type="application/json; charset=utf-8")


@router.post("/ask", response={200: AnswerOut}, openapi_extra=SEARCHING, summary="Ask a question")
def ask_question(request: HttpRequest, body: AskBody) -> AnswerOut:
    """An answer from your documents, with the spans it is based on."""
    principal = _caller(request)
    scope = access_scope(principal, knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(SearchSettings.current().seconds)
    indexing = _indexing(scope)
    answer = ask(body.request(body.question), scope=scope, actor=principal.actor(), deadline=deadline)
    return _answer(answer, indexing)


@router.get("/answers/{answer_id}", response={200: AnswerOut}, summary="Look an answer up again")
def answer_detail(request: HttpRequest, answer_id: UUID) -> AnswerOut:
    """An answer as it was given, with its citations."""
    return _answer(answer_visible(answer_id, _caller(request)))


def _caller(request: HttpRequest) -> Principal:
    principal: Principal = request.auth  # type: ignore[attr-defined]
    principal.require(Permission.QUERY)
    return principal


def _passage(passage: Passage) -> PassageOut:
    return PassageOut(
        knowledge_base=passage.knowledge_base_id,
        document=passage.document_id,
        title=passage.document_title,
        version=passage.version_id,
        version_number=passage.version_number,
        chunk=passage.chunk_id,
        heading_path=list(passage.heading_path),
        place=_place(passage.place),
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


def _explanation(found: Retrieval) -> ExplanationOut:
    settings = found.settings
    return ExplanationOut(
        mode=settings.mode,
        fusion=settings.fusion,
        weight=settings.weight,
        plans=[PlanOut(leg=plan.leg, plan=plan.plan, generations=list(plan.generations)) for plan in found.plans],
        candidates=dict(found.candidates),
        milliseconds=dict(found.milliseconds),
    )


def _indexing(scope: AccessScope) -> IndexingOut | None:
    """To be asked before the search: what becomes ready during it counts as not yet there."""
    documents = documents_underway(scope)
    return IndexingOut(documents=documents) if documents else None


def _answer(answer: Answer, indexing: IndexingOut | None = None) -> AnswerOut:
    return AnswerOut(
        id=answer.pk,
        question=answer.query.question,
        answer=answer.text,
        found=answer.found,
        generator=answer.generator,
        citations=[_citation(citation) for citation in answer.citations.all()],
        milliseconds=answer.milliseconds,
        degraded=[DegradedOut(**one) for one in answer.degraded],
        indexing=indexing,
        created_at=answer.created_at,
    )


def _citation(citation: Citation) -> CitationOut:
    document = citation.version.document
    return CitationOut(
        claim=citation.claim,
        document=document.pk,
        title=document.title,
        version=citation.version_id,
        version_number=citation.version.number,
        heading_path=citation.heading_path,
        place=_place(citation.place),
        start=citation.start,
        end=citation.end,
        quote=citation.quote,
        score=citation.score,
    )


def _place(place: dict[str, Any] | None) -> PlaceOut | None:
    return PlaceOut(**place) if place else None
