"""The operations below /v1/: parse, call the pipeline, answer in the shapes that clients of OpenAI's API read."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Router

from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.doors.api import caller_asking
from apps.retrieval.doors.asking import Asking
from apps.retrieval.doors.openai.chat import ChatBody, ChatOut, chat_out
from apps.retrieval.doors.openai.chat_stream import ChatChunks
from apps.retrieval.doors.openai.embeddings import EmbeddingsBody, embeddings_out
from apps.retrieval.doors.openai.messages import Asked, asked_of
from apps.retrieval.doors.openai.names import NamedModel, model_named_so, models_named, scope_named
from apps.retrieval.doors.openai.responses import ResponseEvents, ResponsesBody, response_out
from apps.retrieval.doors.openai.sent import Shape, shaped_again, shaped_response
from apps.retrieval.doors.telling import answer_made, answer_start
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.idempotency import idempotent_operation

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


def _shape_of(request: HttpRequest, body: ChatBody | ResponsesBody) -> Shape:
    """How a stream tells the answer that is asked for so."""
    url = partial(_version_url, request)
    if isinstance(body, ResponsesBody):
        return ResponseEvents(body.model, url)
    with_usage = body.stream_options is not None and body.stream_options.include_usage
    return ChatChunks(body.model, url, with_usage)


def _stream_again(request: HttpRequest, told_of: UUID, *, body: ChatBody | ResponsesBody) -> StreamingHttpResponse:
    return shaped_again(told_of, _shape_of(request, body), principal=caller_asking(request))


@router.post("/chat/completions")
@idempotent_operation(again=_stream_again)
def chat_completion_create(request: HttpRequest, body: ChatBody) -> ChatOut | StreamingHttpResponse:
    """The answer to the last message."""
    asking, url = _asking(request, body, asked_of(body.messages)), partial(_version_url, request)
    if body.stream:
        return shaped_response(answer_start(asking), _shape_of(request, body))
    return chat_out(answer_made(asking), model=body.model, url=url)


@router.post("/responses")
@idempotent_operation(again=_stream_again)
def response_create(request: HttpRequest, body: ResponsesBody) -> dict[str, Any] | StreamingHttpResponse:
    """The answer to the last message, in the shape of the newer API."""
    asking, url = _asking(request, body, asked_of(body.messages())), partial(_version_url, request)
    if body.stream:
        return shaped_response(answer_start(asking), _shape_of(request, body))
    return response_out(answer_made(asking), model=body.model, url=url)


def _asking(request: HttpRequest, body: ChatBody | ResponsesBody, asked: Asked) -> Asking:
    """What is asked, in the light of what was said before, where and by whom."""
    principal = caller_asking(request)
    scope = scope_named(body.model, principal)
    turn = AskedTurn(asked.question, body.ragsite.request(asked.question), history=asked.history)
    return Asking(turn, scope, principal, principal.actor(), body.options())


def _model_out(one: NamedModel) -> dict[str, Any]:
    created = int(one.created_at.timestamp()) if one.created_at else 0
    told = {"kind": one.kind, "id": one.id}
    return {"id": one.name, "object": "model", "created": created, "owned_by": "ragsite", "ragsite": told}


def _version_url(request: HttpRequest, version_id: UUID) -> str:
    return request.build_absolute_uri(f"/api/v1/versions/{version_id}/")
