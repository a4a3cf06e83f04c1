"""The REST door to answers and conversations as documents."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query as Parameter
from ninja import Router

from apps.documents.rights.access import versions_visible
from apps.retrieval.answers.conversations import turns_of
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.answers.turns import conversation_of
from apps.retrieval.doors.api import caller_asking
from apps.retrieval.doors.exporting import (
    MEDIA_TYPES,
    ExportFormat,
    answer_markdown,
    answer_text,
    conversation_markdown,
    export_file,
)
from ragsite.gateway.authentication import KeyBearer

router = Router(tags=["query"])


def _exported(*formats: ExportFormat) -> dict[str, object]:
    """What OpenAPI says of an answer that is no JSON."""
    content = {MEDIA_TYPES[one]: {"schema": {"type": "string"}} for one in formats}
    return {"responses": {200: {"content": content}}}


@router.get(
    "/answers/{answer_id}/export", auth=KeyBearer("format"), summary="Export an answer", openapi_extra=_exported(*ExportFormat)
)  # fmt: skip
def answer_export(
    request: HttpRequest, answer_id: UUID, format: Parameter[ExportFormat] = ExportFormat.MARKDOWN
) -> HttpResponse:
    """With numbered references, and its sources with the quotes."""
    answer = answer_visible(answer_id, caller_asking(request))
    text = answer_markdown(answer) if format is ExportFormat.MARKDOWN else answer_text(answer)
    return export_file(text, name=f"answer-{answer.pk}", how=format)


@router.get(
    "/conversations/{conversation_id}/export",
    auth=KeyBearer(),
    summary="Export a conversation",
    openapi_extra=_exported(ExportFormat.MARKDOWN),
)
def conversation_export(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """All questions with their answers and sources, in Markdown."""
    principal = caller_asking(request)
    conversation = conversation_of(principal, conversation_id)
    turns = turns_of(conversation, versions=versions_visible(principal))
    return export_file(conversation_markdown(conversation, turns), name=f"conversation-{conversation.pk}")
