"""Figures of many rows in one query, as annotations."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from ragsite.gateway.members import rows_of_tenants
from ragsite.gateway.roles import AnyUser


def documents_counted(documents: QuerySet[Document]) -> QuerySet[Document]:
    """With `newest_status`, `version_total` and `chunk_total`, the chunks of the version that answers."""
    versions = DocumentVersion.objects.filter(document=OuterRef("pk"))
    return documents.annotate(
        newest_status=Subquery(versions.order_by("-number").values("status")[:1]),
        version_total=_total(versions, "document"),
        chunk_total=Coalesce("current_version__chunk_count", 0),
    )


def knowledge_bases_counted(knowledge_bases: QuerySet[KnowledgeBase], *, for_user: AnyUser) -> QuerySet[KnowledgeBase]:
    """With `document_total`, `ready_total` (a version answers) and `failed_total` (the newest version failed), of the
    documents that the user may look at.
    """
    seen = rows_of_tenants(Document.objects.filter(deleted_at=None), for_user, path="tenant")
    living = seen.filter(knowledge_base=OuterRef("pk"))
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number").values("status")[:1]
    failed = living.annotate(newest_status=Subquery(newest)).filter(newest_status=VersionStatus.FAILED)
    return knowledge_bases.annotate(
        document_total=_total(living, "knowledge_base"),
        ready_total=_total(living.exclude(current_version=None), "knowledge_base"),
        failed_total=_total(failed, "knowledge_base"),
    )


def _total(rows: QuerySet[Any], group: str) -> Coalesce:
    """The number of rows, counted apart so that counts of several relations don't multiply."""
    counted = rows.order_by().values(group).annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(counted), 0)
