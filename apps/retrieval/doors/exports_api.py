"""The REST door to answers and conversations as documents."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query as Parameter
from ninja import Router

from apps.documents.rights.access import versions_visible
from apps.retrieval.answers.conversations import turns_of
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.answers.turns import conversation_of
from apps.retrieval.doors.exporting import answer_markdown, answer_text, conversation_markdown
from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission

router = Router(tags=["query"])


class ExportFormat(StrEnum):
    """`text` is to be pasted anywhere, `markdown` to be kept."""

    MARKDOWN = "markdown"
    TEXT = "text"


MEDIA_TYPES = {ExportFormat.MARKDOWN: "text/markdown", ExportFormat.TEXT: "text/plain"}
SUFFIXES = {ExportFormat.MARKDOWN: "md", ExportFormat.TEXT: "txt"}


def _exported(*formats: ExportFormat) -> dict[str, object]:
    """What OpenAPI says of an answer that is no JSON."""
    content = {MEDIA_TYPES[one]: {"schema": {"type": "string"}} for one in formats}
    return {"responses": {200: {"content": content}}}


@router.get(
    "/answers/{answer_id}/export", auth=KeyBearer("format"), summary="Export an answer", openapi_extra=_exported(*ExportFormat)
)  # fmt: skip
def answer_export(
    request: HttpRequest, answer_id: UUID, format: ExportFormat = Parameter(ExportFormat.MARKDOWN)  # noqa: B008
) -> HttpResponse:  # fmt: skip
    """With numbered references, and its sources with the quotes."""
    answer = answer_visible(answer_id, _caller(request))
    text = answer_markdown(answer) if format is ExportFormat.MARKDOWN else answer_text(answer)
    return export_response(text, name=f"answer-{answer.pk}", how=format)


@router.get(
    "/conversations/{conversation_id}/export",
    auth=KeyBearer(),
    summary="Export a conversation",
    openapi_extra=_exported(ExportFormat.MARKDOWN),
)
def conversation_export(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """All questions with their answers and sources, in Markdown."""
    principal = _caller(request)
    conversation = conversation_of(principal, conversation_id)
    turns = turns_of(conversation, versions=versions_visible(principal))
    return export_response(conversation_markdown(conversation, turns), name=f"conversation-{conversation.pk}")


def export_response(text: str, *, name: str, how: ExportFormat = ExportFormat.MARKDOWN) -> HttpResponse:
    """A text as a file to keep."""
    response = HttpResponse(text, content_type=f"{MEDIA_TYPES[how]}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.{SUFFIXES[how]}"'
    return response


def _caller(request: HttpRequest) -> Principal:
    principal: Principal = request.auth  # type: ignore[attr-defined]
    principal.require(Permission.QUERY)
    return principal
