"""Figures of many rows in one query, as annotations."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from ragsite.core.numbers import number_shown
from ragsite.gateway.members import rows_of_tenants
from ragsite.gateway.roles import AnyUser

MOST_COUNTED = 10_000
"""Documents of a knowledge base; nobody needs to know how many more there are."""


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
    documents that the user may look at. Each is counted to one more than MOST_COUNTED, see `count_in_words`.
    """
    seen = rows_of_tenants(Document.objects.filter(deleted_at=None), for_user, path="tenant")
    living = seen.filter(knowledge_base=OuterRef("pk"))
    newest = DocumentVersion.objects.filter(document=OuterRef("pk")).order_by("-number").values("status")[:1]
    once_failed = DocumentVersion.objects.filter(status=VersionStatus.FAILED).values("document")
    failed = living.filter(pk__in=once_failed).annotate(newest_status=Subquery(newest))
    return knowledge_bases.annotate(
        document_total=_bounded(living),
        ready_total=_bounded(living.exclude(current_version=None)),
        failed_total=_bounded(failed.filter(newest_status=VersionStatus.FAILED)),
    )


def count_in_words(total: int) -> str:
    """A total that was counted no further than to one more than MOST_COUNTED."""
    return (
        number_shown(total)
        if total <= MOST_COUNTED
        else gettext("more than %(most)s") % {"most": number_shown(MOST_COUNTED)}
    )


def _bounded(rows: QuerySet[Any]) -> Func:
    """The number of rows, of which no more are read than are told."""
    some = rows.order_by().values("pk")[: MOST_COUNTED + 1]
    return Func(ArraySubquery(some), function="cardinality", output_field=IntegerField())


def _total(rows: QuerySet[Any], group: str) -> Coalesce:
    """The number of rows, counted apart so that counts of several relations don't multiply."""
    counted = rows.order_by().values(group).annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(counted), 0)
