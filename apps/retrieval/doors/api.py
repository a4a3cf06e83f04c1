"""The REST door to search and answers: parse, call the pipeline, answer."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Router
from ninja.params import functions as given
from pydantic import Field, Strict, StrictBool, StrictInt, StringConstraints, model_validator

from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import access_scope
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.answers.turns import conversation_turn
from apps.retrieval.doors.answer_shapes import AnswerOut, answer_out
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.filters_api import FiltersIn
from apps.retrieval.doors.search_shapes import SearchOut
from apps.retrieval.doors.showing import passages_search
from apps.retrieval.doors.streaming import (
    AS_EVENTS,
    CANCELLING,
    RESUMING,
    answer_stop,
    events_response,
    events_resume,
)
from apps.retrieval.doors.telling import answer_made, answer_start
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.streaming.log import MOST_EVENTS
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.idempotency import HEEDING, idempotent_operation
from ragsite.gateway.keys import Principal
from ragsite.gateway.names import StrictBody
from ragsite.gateway.problem_codes import MODELS
from ragsite.gateway.problem_schemas import own_codes

router = Router(auth=KeyBearer(), tags=["query"])
Exactly = Annotated[float, Strict()]
"""A number of JSON: neither true nor a text is one."""

NO_NUL = r"^[^\x00]*$"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=NO_NUL)]


class QueryBody(StrictBody):
    """What to search for, and where: in the named knowledge bases, or in all that the key may see."""

    knowledge_bases: list[UUID] | None = Field(None, max_length=50)
    top_k: StrictInt = Field(10, ge=1, le=100)
    mode: Mode | None = Field(None, description="Which legs answer; as the knowledge bases are set if not given.")
    fusion: Fusion | None = Field(None, description="How a hybrid search combines the rankings of its legs.")
    weight: Exactly | None = Field(None, ge=0, le=1, description="The share of meaning in a hybrid search.")
    names: Exactly | None = Field(
        None, ge=0, le=1, description="What a document's name counts that has words of the question; 0 for nothing."
    )
    same_page: Exactly | None = Field(
        None, ge=0, le=1, description="What each further passage of a page counts; 1 for as much as any other."
    )
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
            names=self.names,
            same_page=self.same_page,
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
    conversation: UUID | None = Field(
        None, description="Whose turn this is: the question is understood in the light of those before it."
    )
    model: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)] | None = Field(
        None, description="The language model that shall write, by its name or a version's id."
    )
    temperature: Exactly | None = Field(None, ge=0, le=2, description="Of the language model; 0 if not given.")
    max_tokens: StrictInt | None = Field(None, ge=1, le=4096, description="Most that the language model writes.")
    language: str | None = Field(
        None,
        pattern="^[a-z]{2}$",
        description="ISO 639-1: what a language model shall answer in. Quotes stay as they are.",
    )
    stream: StrictBool = Field(False, description="Events as the answer comes, and not the answer as a whole.")
    background: StrictBool = Field(
        False, description="With `stream`: the answer is made to its end also when the client leaves."
    )

    cache: StrictBool = Field(
        True, description="False has the answer made anew, and kept for nobody, also where one is there already."
    )

    @model_validator(mode="after")
    def _background_streams(self) -> Self:
        if self.background and not self.stream:
            raise ValueError("`background` is for a stream: send `stream` with it")
        return self

    def options(self) -> AnswerOptions:
        """How the answer shall be written."""
        return AnswerOptions(self.model, self.temperature, self.max_tokens, self.language)


_SEARCHED = (
    *MODELS,
    "not_found",
    "no_reranker",
    "invalid_filter",
    "invalid_tags",
    "unknown_type_name",
    "invalid_retrieval",
)
SEARCHING = own_codes(*_SEARCHED)
ASKING = own_codes(*_SEARCHED, "conflict", "events_expired")


@router.post("/search", response={200: SearchOut}, openapi_extra=SEARCHING, summary="Search passages")
def search_passages(request: HttpRequest, body: SearchBody) -> HttpResponse:
    """The passages that answer the query best, best first."""
    principal = caller_asking(request)
    scope = access_scope(principal, knowledge_base_ids=body.knowledge_bases)
    out = passages_search(body.request(body.query), scope=scope, actor=principal.actor(), explain=body.explain)
    # Written here, as django-ninja would first check all of it a second time.
    return HttpResponse(out.model_dump_json(), content_type="application/json; charset=utf-8")


def _stream_again(request: HttpRequest, told_of: UUID, *, body: AskBody) -> HttpResponseBase:
    return events_resume(told_of, principal=caller_asking(request), after=0)


@router.post("/ask", response={200: AnswerOut}, openapi_extra=ASKING | AS_EVENTS | HEEDING, summary="Ask a question")
@idempotent_operation(again=_stream_again)
def ask_question(request: HttpRequest, body: AskBody) -> AnswerOut | HttpResponseBase:
    """An answer from your documents, with the spans it is based on; with `stream`, as events while it is made."""
    principal = caller_asking(request)
    turn = conversation_turn(
        body.request(body.question),
        conversation_id=body.conversation,
        knowledge_base_ids=body.knowledge_bases,
        principal=principal,
    )
    scope = access_scope(principal, knowledge_base_ids=turn.knowledge_base_ids)
    asking = Asking(turn, scope, principal, principal.actor(), body.options(), body.cache)
    if body.stream:
        return events_response(answer_start(asking), background=body.background)
    return answer_made(asking)


@router.get("/answers/{answer_id}", response={200: AnswerOut}, summary="Look an answer up again")
def answer_detail(request: HttpRequest, answer_id: UUID) -> AnswerOut:
    """An answer as it was given, with its citations."""
    principal = caller_asking(request)
    answer = answer_visible(answer_id, principal)
    return answer_out(answer, principal=principal)


@router.get(
    "/answers/{answer_id}/events", auth=KeyBearer("after"), openapi_extra=RESUMING, summary="Go on with a stream"
)
def answer_events(
    request: HttpRequest,
    answer_id: UUID,
    after: int | None = given.Query(None, ge=0, le=MOST_EVENTS, description="Events up to this number are left out."),
    last_event_id: int | None = given.Header(
        None, ge=0, le=MOST_EVENTS, alias="Last-Event-ID", description="As `after`."
    ),
) -> HttpResponseBase:
    """The events of a streamed answer after the last one that the caller has, for ten minutes; those to come, too."""
    seen = last_event_id if after is None else after
    return events_resume(answer_id, principal=caller_asking(request), after=seen or 0)


@router.post("/answers/{answer_id}/cancel", response={204: None}, openapi_extra=CANCELLING, summary="Cancel a stream")
def answer_cancel(request: HttpRequest, answer_id: UUID) -> HttpResponse:
    """End the making of a streamed answer. What is over stays as it is."""
    answer_stop(answer_id, principal=caller_asking(request))
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def caller_asking(request: HttpRequest) -> Principal:
    """Who calls, which may search and ask: `KeyBearer` has seen to that."""
    principal: Principal = request.auth  # type: ignore[attr-defined]
    return principal
