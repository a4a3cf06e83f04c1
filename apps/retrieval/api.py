"""The REST door to search and answers: parse, call the pipeline, answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field, StringConstraints

from apps.documents.access import access_scope
from apps.models.gateway import Deadline
from apps.retrieval.models import Answer, Citation
from apps.retrieval.passages import Passage
from apps.retrieval.pipeline import ask, search
from apps.retrieval.services.answers import answer_visible
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission
from ragsite.gateway.problems import Problem

router = Router(auth=KeyBearer(), tags=["query"])
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


class QueryBody(Schema):
    """What is looked for, and where: in the named knowledge bases, or in all that the key may see."""

    knowledge_bases: list[UUID] | None = Field(None, max_length=50)
    top_k: int = Field(10, ge=1, le=100)


class SearchBody(QueryBody):
    query: Text


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


class PassageOut(SpanOut):
    knowledge_base: UUID
    chunk: int
    text: str


class SearchOut(Schema):
    passages: list[PassageOut]
    milliseconds: dict[str, float]


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
    created_at: datetime


ERRORS: dict[int, Any] = {401: Problem, 403: Problem, 404: Problem, 422: Problem, 503: Problem, 504: Problem}


@router.post("/search", response={200: SearchOut, **ERRORS}, summary="Search passages")
def search_passages(request: HttpRequest, body: SearchBody) -> SearchOut:
    """The passages nearest to the query, best first."""
    scope = access_scope(_caller(request), knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(settings.RAGSITE_SEARCH_SECONDS)
    found = search(body.query, scope=scope, top_k=body.top_k, deadline=deadline)
    return SearchOut(
        passages=[_passage(passage) for passage in found.passages], milliseconds=found.timings.milliseconds
    )


@router.post("/ask", response={200: AnswerOut, **ERRORS}, summary="Ask a question")
def ask_question(request: HttpRequest, body: AskBody) -> AnswerOut:
    """An answer from your documents, with the spans it rests on."""
    principal = _caller(request)
    scope = access_scope(principal, knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(settings.RAGSITE_SEARCH_SECONDS)
    return _answer(ask(body.question, scope=scope, asked_by=principal.name, top_k=body.top_k, deadline=deadline))


@router.get("/answers/{answer_id}", response={200: AnswerOut, **ERRORS}, summary="Look an answer up again")
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
    )


def _answer(answer: Answer) -> AnswerOut:
    return AnswerOut(
        id=answer.pk,
        question=answer.query.question,
        answer=answer.text,
        found=answer.found,
        generator=answer.generator,
        citations=[_citation(citation) for citation in answer.citations.all()],
        milliseconds=answer.milliseconds,
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
