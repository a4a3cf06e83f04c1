"""What is said of a knowledge base above all of its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max

from apps.documents.admin.counts import knowledge_bases_counted
from apps.documents.models import LIVING_VERSIONS, VERSION_STOPPED, DocumentVersion, KnowledgeBase, VersionStatus
from apps.retrieval.index.generations import generation_live
from ragsite.gateway.members import rows_of_tenants
from ragsite.gateway.roles import AnyUser

DONE = (VersionStatus.READY, *VERSION_STOPPED)


@dataclass(frozen=True, slots=True)
class Head:
    """What a knowledge base holds, its model, when a document became ready last, and how it is in a sentence.

    `tone` is that of a badge: success, info, warning or danger.
    """

    documents: int
    ready: int
    failed: int
    under_way: int
    model: str
    indexed_at: datetime | None
    health: str
    tone: str


def head_of(knowledge_base: KnowledgeBase, *, user: AnyUser) -> Head:
    """The head of a living knowledge base, of what the user may look at, in a constant number of queries."""
    counted: Any = knowledge_bases_counted(KnowledgeBase.objects.filter(pk=knowledge_base.pk), for_user=user).get()
    living = DocumentVersion.objects.filter(LIVING_VERSIONS, document__knowledge_base=knowledge_base)
    versions = rows_of_tenants(living, user, path="document__tenant")
    under_way = versions.exclude(status__in=DONE).count()
    live = generation_live(knowledge_base)
    health, tone = _health(
        documents=counted.document_total, failed=counted.failed_total, under_way=under_way, has_index=live is not None
    )
    return Head(
        documents=counted.document_total,
        ready=counted.ready_total,
        failed=counted.failed_total,
        under_way=under_way,
        model=str(live.model_version) if live else "",
        indexed_at=versions.aggregate(last=Max("ready_at"))["last"],
        health=health,
        tone=tone,
    )


def _health(*, documents: int, failed: int, under_way: int, has_index: bool) -> tuple[str, str]:
    """The sentence, of what needs attention first, and its tone."""
    if not documents:
        return "Empty. Add documents, and ask.", "info"
    if failed:
        return f"{_documents(failed)} could not be read. See why, and try again.", "danger"
    if under_way:
        return f"{_documents(under_way)} being read. What is ready can be asked already.", "info"
    if not has_index:
        return "Nothing can be asked yet.", "warning"
    return "Everything is ready to be asked.", "success"


def _documents(count: int) -> str:
    return f"{count:,} {'document' if count == 1 else 'documents'}"
