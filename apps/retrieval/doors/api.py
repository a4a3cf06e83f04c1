"""The REST door to search and answers: parse, call the pipeline, answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field, Strict, StrictBool, StrictInt, StringConstraints

from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import access_scope, versions_visible
from apps.models.gateway import Deadline
from apps.retrieval.answers.kept import KeptPassage, passages_kept
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.doors.answer_shapes import AnswerOut, answer_out
from apps.retrieval.doors.filters_api import FiltersIn
from apps.retrieval.doors.search_shapes import DegradedOut, SearchOut, explanation_out, indexing_out, passage_out
from apps.retrieval.models import Answer
from apps.retrieval.pipeline import ask, retrieve
from apps.retrieval.search.request import SearchRequest
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


SEARCHING = own_codes(
    *MODELS, "not_found", "no_reranker", "invalid_filter", "invalid_tags", "unknown_type_name", "invalid_retrieval"
)


@router.post("/search", response={200: SearchOut}, openapi_extra=SEARCHING, summary="Search passages")
def search_passages(request: HttpRequest, body: SearchBody) -> HttpResponse:
    """The passages that answer the query best, best first."""
    scope = access_scope(caller_asking(request), knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(SearchSettings.current().seconds)
    indexing = indexing_out(scope)
    found = retrieve(body.request(body.query), scope=scope, deadline=deadline)
    out = SearchOut(
        passages=[passage_out(passage) for passage in found.passages],
        milliseconds=dict(found.milliseconds),
        degraded=[DegradedOut(**one.record()) for one in found.degraded],
        indexing=indexing,
        explanation=explanation_out(found) if body.explain else None,
    )
    # Written here, as django-ninja would first check all of it a second time.
    return HttpResponse(out.model_dump_json(), content_type="application/json; charset=utf-8")


@router.post("/ask", response={200: AnswerOut}, openapi_extra=SEARCHING, summary="Ask a question")
def ask_question(request: HttpRequest, body: AskBody) -> AnswerOut:
    """An answer from your documents, with the spans it is based on."""
    principal = caller_asking(request)
    scope = access_scope(principal, knowledge_base_ids=body.knowledge_bases)
    deadline = Deadline.after(SearchSettings.current().seconds)
    indexing = indexing_out(scope)
    answer = ask(body.request(body.question), scope=scope, actor=principal.actor(), deadline=deadline)
    return answer_out(answer, _passages(answer, principal), indexing)


@router.get("/answers/{answer_id}", response={200: AnswerOut}, summary="Look an answer up again")
def answer_detail(request: HttpRequest, answer_id: UUID) -> AnswerOut:
    """An answer as it was given, with its citations."""
    principal = caller_asking(request)
    answer = answer_visible(answer_id, principal)
    return answer_out(answer, _passages(answer, principal))


def _passages(answer: Answer, principal: Principal) -> list[KeptPassage]:
    return passages_kept(answer, versions=versions_visible(principal))


def caller_asking(request: HttpRequest) -> Principal:
    """Who calls, if it may search and ask.

    Raises:
        PermissionDeniedError: it may not.
    """
    principal: Principal = request.auth  # type: ignore[attr-defined]
    principal.require(Permission.QUERY)
    return principal
