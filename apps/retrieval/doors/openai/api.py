"""The operations below /v1/: parse, call the pipeline, answer in the shapes that clients of OpenAI's API read."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Router

from apps.documents.rights.access import versions_visible
from apps.models.gateway import Deadline
from apps.retrieval.answers.kept import passages_kept
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.doors.answer_shapes import AnswerOut, answer_out
from apps.retrieval.doors.api import QueryBody, caller_asking
from apps.retrieval.doors.openai.chat import ChatBody, ChatOut, chat_out
from apps.retrieval.doors.openai.embeddings import EmbeddingsBody, embeddings_out
from apps.retrieval.doors.openai.messages import Asked, asked_of
from apps.retrieval.doors.openai.names import NamedModel, model_named_so, models_named, scope_named
from apps.retrieval.doors.search_shapes import indexing_out
from apps.retrieval.pipeline import ask
from ragsite.core.configuration import SearchSettings
from ragsite.gateway.authentication import KeyBearer

router = Router(auth=KeyBearer())


@router.get("/models")
def models_list(request: HttpRequest) -> dict[str, Any]:
    """All that the caller may name as `model`."""
    return {"object": "list", "data": [_model_out(one) for one in models_named(caller_asking(request))]}


@router.get("/models/{path:name}")
def model_detail(request: HttpRequest, name: str) -> dict[str, Any]:
    """One of them, by its name."""
    return _model_out(model_named_so(name, caller_asking(request)))


@router.post("/embeddings")
def embeddings_create(request: HttpRequest, body: EmbeddingsBody) -> HttpResponse:
    """The vectors of texts."""
    caller_asking(request)
    # Written here: thousands of numbers take a tenth of the time.
    return HttpResponse(embeddings_out(body).model_dump_json(), content_type="application/json; charset=utf-8")


@router.post("/chat/completions")
def chat_completion_create(request: HttpRequest, body: ChatBody) -> ChatOut:
    """The answer to the last message."""
    answer = _answer(request, asked_of(body.messages), body.model, query=body.ragsite, options=body.options())
    return chat_out(answer, model=body.model, url=partial(_version_url, request))


def _answer(request: HttpRequest, asked: Asked, model: str, *, query: QueryBody, options: AnswerOptions) -> AnswerOut:
    principal = caller_asking(request)
    scope = scope_named(model, principal)
    deadline = Deadline.after(SearchSettings.current().seconds)
    indexing = indexing_out(scope)
    searched = query.request(asked.question)
    answer = ask(searched, scope=scope, actor=principal.actor(), deadline=deadline, options=options)
    return answer_out(answer, passages_kept(answer, versions=versions_visible(principal)), indexing)


def _model_out(one: NamedModel) -> dict[str, Any]:
    created = int(one.created_at.timestamp()) if one.created_at else 0
    told = {"kind": one.kind, "id": one.id}
    return {"id": one.name, "object": "model", "created": created, "owned_by": "ragsite", "ragsite": told}


def _version_url(request: HttpRequest, version_id: UUID) -> str:
    return request.build_absolute_uri(f"/api/v1/versions/{version_id}/")
