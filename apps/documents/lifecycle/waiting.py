"""Versions that wait for a stage, in the order in which they are taken up."""

from __future__ import annotations

from django.conf import settings
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Subquery

from apps.documents.models import Document, DocumentVersion, KnowledgeBase


def versions_waiting(status: str) -> QuerySet[DocumentVersion]:
    """Those whose next stage starts from `status` and may be started once more, first who was there first.

    Their order is that of the index `version_waiting`. Their documents, and the knowledge bases of these, are looked up one
    by one: by statistics of a time when there were few, PostgreSQL joins them by reading all documents for each version.
    """
    base = KnowledgeBase.objects.filter(pk=OuterRef("knowledge_base_id"), deleted_at=None).order_by()
    document = Document.objects.filter(pk=OuterRef("document_id")).order_by()
    document = document.annotate(lives=Q(Exists(base), deleted_at=None))
    lives = Subquery(document.values("lives"), output_field=BooleanField())
    return DocumentVersion.objects.filter(lives, status=status, attempts__lt=settings.RAGSITE_MAX_ATTEMPTS).order_by(
        "not_before", "id"
    )
