"""Versions that wait for a stage, in the order in which they are taken up."""

from __future__ import annotations

from django.conf import settings
from django.db.models import BooleanField, OuterRef, QuerySet, Subquery

from apps.documents.models import LIVING, Document, DocumentVersion


def versions_waiting(status: str) -> QuerySet[DocumentVersion]:
    """Those whose next stage starts from `status` and may be started once more, first who was there first."""
    return versions_open(status).filter(attempts__lt=settings.RAGSITE_MAX_ATTEMPTS)


def versions_open(status: str) -> QuerySet[DocumentVersion]:
    """Those whose next stage starts from `status`, however often it was started, first who was there first.

    Their order is that of the index `version_waiting`. Their documents are looked up one by one: by statistics of a time
    when there were few, PostgreSQL joins them by reading all documents for each version.
    """
    document = Document.objects.filter(pk=OuterRef("document_id")).order_by().annotate(lives=LIVING)
    lives = Subquery(document.values("lives"), output_field=BooleanField())
    return DocumentVersion.objects.filter(lives, status=status).order_by("not_before", "id")
