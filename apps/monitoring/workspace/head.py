"""What is said of a knowledge base above all of its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext_lazy

from apps.documents.models import (
    LIVING_VERSIONS,
    VERSION_STOPPED,
    Document,
    DocumentVersion,
    KnowledgeBase,
    VersionStatus,
)
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.failures.groups import failed_of
from apps.monitoring.rows import Count, counted, versions_counted
from apps.retrieval.index.generations import generation_live
from ragsite.gateway.members import rows_of_tenants
from ragsite.gateway.roles import AnyUser

UNDER_WAY = [status for status in VersionStatus if status not in {VersionStatus.READY, *VERSION_STOPPED}]
MOST_COUNTED = 10_000

FAILED = ngettext_lazy(
    "%(count)s document could not be read. See why, and try again.",
    "%(count)s documents could not be read. See why, and try again.",
    "number",
)
UNDER_WAY_TOLD = ngettext_lazy(
    "%(count)s document being read. What is ready can be asked already.",
    "%(count)s documents being read. What is ready can be asked already.",
    "number",
)


@dataclass(frozen=True, slots=True)
class Head:
    """What a knowledge base holds, its model, when a document became ready last, and how it is in a sentence.

    `tone` is that of a badge: success, info, warning or danger.
    """

    documents: Count
    ready: Count
    failed: Count
    under_way: Count
    model: str
    indexed_at: datetime | None
    health: str
    tone: str


def head_of(knowledge_base: KnowledgeBase, *, user: AnyUser) -> Head:
    """The head of a living knowledge base, of what the user may look at, in a constant number of queries."""
    documents = documents_shown_to(user).filter(knowledge_base=knowledge_base)
    versions = rows_of_tenants(
        DocumentVersion.objects.filter(LIVING_VERSIONS, document__knowledge_base=knowledge_base),
        user,
        path="document__tenant",
    )
    waiting = DocumentVersion.objects.filter(document__knowledge_base=knowledge_base, status__in=UNDER_WAY)
    (total, ready), failed = _documents_counted(documents), counted(failed_of(documents))
    under_way, live = versions_counted(user, waiting), generation_live(knowledge_base)
    health, tone = _health(documents=total, failed=failed, under_way=under_way, has_index=live is not None)
    newest = versions.filter(status=VersionStatus.READY).order_by("-pk").values_list("ready_at", flat=True)
    return Head(
        documents=total,
        ready=ready,
        failed=failed,
        under_way=under_way,
        model=str(live.model_version) if live else "",
        indexed_at=newest.first(),
        health=health,
        tone=tone,
    )


def _documents_counted(documents: QuerySet[Document]) -> tuple[Count, Count]:
    """All and those that answer, in two statements however many there are."""
    answering = documents.exclude(current_version=None)
    return counted(documents, most=MOST_COUNTED), counted(answering, most=MOST_COUNTED)


def _health(*, documents: Count, failed: Count, under_way: Count, has_index: bool) -> tuple[str, str]:
    """The sentence, of what needs attention first, and its tone."""
    if not documents:
        return gettext("Empty. Add documents, and ask."), "info"
    if failed:
        return failed.told(FAILED), "danger"
    if under_way:
        return under_way.told(UNDER_WAY_TOLD), "info"
    if not has_index:
        return gettext("Nothing can be asked yet."), "warning"
    return gettext("Everything is ready to be asked."), "success"
