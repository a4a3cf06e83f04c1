"""Where a document is looked at: its page in the knowledge base's workspace, at a span if one is named."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from apps.documents.models import Document, DocumentVersion


def document_url(document: Document) -> str:
    """The page of a document."""
    return span_url(document.knowledge_base_id, document.pk)


def version_span_url(version: DocumentVersion, *, start: int, end: int) -> str:
    """The page of the version's document, which should be at hand, opened at the span."""
    document = version.document
    return span_url(document.knowledge_base_id, document.pk, version=version.number, start=start, end=end)


def span_url(knowledge_base_id: UUID, document_id: UUID, **span: int) -> str:
    """The page of a document; `version` by its number, `start` and `end` say where it is opened."""
    url = reverse("workspace-document", args=[knowledge_base_id, document_id])
    return f"{url}?{urlencode(span)}" if span else url


def place_url(version: DocumentVersion) -> str:
    """A part of that page: a span in its surroundings, which its parameters `start`, `end` and `page` name."""
    document = version.document
    return reverse("workspace-document-place", args=[document.knowledge_base_id, document.pk, version.number])
