"""Which events webhooks may be told of, and what of each. Pure.

A receiver may be shown what no reader of it was granted, so it gets ids, numbers and states alone: no title, no text, no
words of an error, no name. What it wants besides it asks the API for, with a key whose rights are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_noop

from apps.documents.events import DocumentCreated, DocumentDeleted, DocumentFailed, DocumentUpdated
from apps.retrieval.events import (
    AnswerRated,
    ErasureDone,
    QueryProcessed,
    VectorDeleted,
    VectorIndexed,
    VectorUpdated,
)
from ragsite.core.events import Event

TEST = "webhook.test"
"""What is sent to try a webhook."""

OF_DOCUMENT = ("knowledge_base_id", "document_id")


@dataclass(frozen=True, slots=True)
class Subscribable:
    """An event that webhooks may be told of: when it happens, in people's words, and the fields that are told."""

    event: type[Event]
    words: str
    fields: tuple[str, ...]


SUBSCRIBABLE: Mapping[str, Subscribable] = {
    one.event.type: one
    for one in (
        Subscribable(DocumentCreated, gettext_noop("A document was added"), (*OF_DOCUMENT, "version_id")),
        Subscribable(
            VectorIndexed, gettext_noop("A version can be searched"),
            (*OF_DOCUMENT, "version_id", "generation_id", "chunks"),
        ),
        Subscribable(
            DocumentUpdated, gettext_noop("A document answers by another version, or was changed"),
            (*OF_DOCUMENT, "version_id", "version_number", "changed"),
        ),
        Subscribable(
            DocumentFailed, gettext_noop("A version could not be read"), (*OF_DOCUMENT, "version_id", "stage", "error_code"),
        ),
        Subscribable(DocumentDeleted, gettext_noop("A document was deleted"), OF_DOCUMENT),
        Subscribable(
            VectorUpdated, gettext_noop("A knowledge base answers by another index"),
            ("knowledge_base_id", "generation_id", "previous_generation_id", "is_rollback"),
        ),
        Subscribable(
            VectorDeleted, gettext_noop("An index was dropped"), ("knowledge_base_id", "generation_id"),
        ),
        Subscribable(
            QueryProcessed, gettext_noop("A question was answered"), ("query_id", "found", "passages", "citations"),
        ),
        Subscribable(
            AnswerRated, gettext_noop("An answer was rated"), ("answer_id", "query_id", "rating", "has_comment"),
        ),
        Subscribable(
            ErasureDone, gettext_noop("All traces of something were erased"),
            ("erasure_id", "subject", "document_id", "user_id"),
        ),
    )
}  # fmt: skip
"""By type, in the order in which they are offered."""


def body_of(event: Event, *, at: datetime) -> str:
    """What a receiver is told of an event."""
    payload = event.payload()
    told = {name: payload.get(name) for name in SUBSCRIBABLE[event.type].fields}
    return body_written(event.type, at, {"tenant_id": str(event.tenant_id), **told})


def test_body(webhook_id: UUID, tenant_id: UUID, *, at: datetime) -> str:
    """What is sent to try a webhook."""
    return body_written(TEST, at, {"tenant_id": str(tenant_id), "webhook_id": str(webhook_id)})


def body_written(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """As Standard Webhooks has it."""
    return json.dumps({"type": type_, "timestamp": at.isoformat(), "data": data}, separators=(",", ":"))
