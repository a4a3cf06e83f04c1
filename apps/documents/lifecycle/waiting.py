"""Versions that wait for a stage: who has the next turn, and what is claimed with it."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.core.leases import Claim
from ragsite.core.turns import BEFORE_ALL, lease_claim_in_turn
from ragsite.core.work import ANY

_served: dict[str, UUID] = {}
"""The tenant that this process served last, by the status that a stage starts from."""

_served_lock = threading.Lock()


def _lives() -> Subquery:
    """Whether a version's document is there, as `LIVING` says.

    Documents and knowledge bases are looked up one by one: by statistics of a time when there were few, PostgreSQL joins them
    by reading all of them for each version.
    """
    base = KnowledgeBase.objects.filter(pk=OuterRef("knowledge_base_id")).order_by().annotate(lives=Q(deleted_at=None))
    of_base = Subquery(base.values("lives"), output_field=BooleanField())
    document = Document.objects.filter(pk=OuterRef("document_id")).order_by()
    document = document.annotate(lives=ExpressionWrapper(Q(of_base, deleted_at=None), output_field=BooleanField()))
    return Subquery(document.values("lives"), output_field=BooleanField())


def version_waits() -> ExpressionWrapper[Any]:
    """Whether a version may be started once more: its document was not deleted, and it was not started too often."""
    return ExpressionWrapper(Q(_lives(), attempts__lt=settings.RAGSITE_MAX_ATTEMPTS), output_field=BooleanField())


def versions_waiting(status: str) -> QuerySet[DocumentVersion]:
    """Those whose next stage starts from `status` and may be started once more, tenant by tenant, each first come first.

    Their order is that of the index `version_waiting`.
    """
    return DocumentVersion.objects.filter(version_waits(), status=status).order_by("tenant_id", "not_before", "id")


def versions_open(status: str) -> QuerySet[DocumentVersion]:
    """As `versions_waiting`, and those too that were started as often as may be."""
    return DocumentVersion.objects.filter(_lives(), status=status).order_by("tenant_id", "not_before", "id")


def versions_claim(status: str, *, limit: int, among: Q = ANY) -> Claim:
    """Take up to `limit` of the waiting versions that `among` names, of their tenants in turn; may come back empty.

    Fresh ones are taken together; one that was tried before alone, so that it fails alone.
    """
    after = _served.get(status, BEFORE_ALL)
    taken = lease_claim_in_turn(versions_waiting(status).filter(among), by="tenant_id", after=after, limit=limit)
    with _served_lock:
        _served[status] = taken.last
    return taken.claim
