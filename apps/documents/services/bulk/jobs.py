"""Bulk jobs, as people deal with them: asked for with their documents counted, confirmed, watched, cancelled.

What was counted is what is done: the documents' ids are noted before somebody is asked, so nothing that comes later is part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.documents.models import BulkJob, BulkState, Document, KnowledgeBase
from apps.documents.services.bulk.kinds import BulkKind
from apps.documents.tags import tags_cleaned
from ragsite.core.actors import Actor, change_log
from ragsite.core.bites import bites, rows_bite
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED
from ragsite.core.work import Turn
from ragsite.gateway.members import tenant_ids_of
from ragsite.gateway.roles import AnyUser, tenants_where

BULK = "bulk"
"""The job's name for those who ring."""

MOST_DOCUMENTS = 100_000
"""Documents of one job: their ids are noted with it."""

KEPT_UNCONFIRMED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The documents that something applies to, in the order in which it is done, and how many were chosen in all."""

    documents: Sequence[UUID]
    total: int


def documents_chosen(found: QuerySet[Document], *, kind: BulkKind, tags: Sequence[str] = ()) -> Chosen:
    """Those of the found documents that it would change.

    Raises:
        PermanentError: too many were found.
    """
    chosen = _pks(found)
    if len(chosen) > MOST_DOCUMENTS:
        raise PermanentError(
            f"More than {MOST_DOCUMENTS:,} documents at once are too many.",
            action="Narrow the list by a filter, and do it in parts.",
        )
    return Chosen(_pks(kind.applies(found, tags)), len(chosen))


def bulk_job_ask(
    *,
    kind: BulkKind,
    documents: Sequence[UUID],
    tenant_id: UUID,
    knowledge_base: KnowledgeBase | None = None,
    tags: Sequence[str] = (),
    user: Any,
    actor: Actor,
) -> BulkJob:
    """Note what would be done for a user, until it is confirmed. What nobody confirms within a day is forgotten.

    Raises:
        PermanentError: there is no document, or there are too many; or the tags are invalid.
    """
    if not 0 < len(documents) <= MOST_DOCUMENTS:
        raise PermanentError(
            f"{len(documents):,} documents are not from 1 to {MOST_DOCUMENTS:,}.", action="Choose other ones."
        )
    return BulkJob.objects.create(
        kind=kind.slug, tenant_id=tenant_id, knowledge_base=knowledge_base, tags=tags_cleaned(tags),
        documents=list(documents), total=len(documents), user=user, actor=actor.as_dict(),
    )  # fmt: skip


def bulk_job_confirm(*, job: BulkJob, actor: Actor) -> BulkJob:
    """Let a worker begin with it.

    Raises:
        ConflictError: it was confirmed before, or forgotten.
    """
    with transaction.atomic():
        asked = BulkJob.objects.filter(pk=job.pk, state=BulkState.ASKED)
        if not asked.update(state=BulkState.OPEN, confirmed_at=Now(), not_before=Now(), actor=actor.as_dict()):
            raise ConflictError("This was confirmed before, or too long ago.", action="Look at it under Jobs.")
        ring(BULK)
        what = f"the bulk job {job.pk} was started: {job.kind} with {job.total} documents"
        details = {"kind": job.kind, "documents": job.total}
        change_log(what, actor=actor, action="bulk_job.started", of=job, details=details)
    job.refresh_from_db(fields=("state", "confirmed_at"))
    return job


def bulk_job_cancel(*, job: BulkJob, actor: Actor) -> BulkJob:
    """Stop it after the document that is just being done; what is done stays so.

    Raises:
        ConflictError: it has ended.
    """
    under_way = BulkJob.objects.filter(pk=job.pk, state=BulkState.OPEN)
    with transaction.atomic():
        if not under_way.update(state=BulkState.CANCELLED, ended_at=Now(), documents=[], **RELEASED):
            raise ConflictError("It has ended already, so there is nothing to cancel.", action="Look at what was done.")
        change_log(f"the bulk job {job.pk} was cancelled", actor=actor, action="bulk_job.cancelled", of=job)
    job.refresh_from_db()
    return job


def bulk_jobs_shown_to(user: AnyUser) -> QuerySet[BulkJob]:
    """Those that were confirmed, of the user's tenants: the user's own, and all where the user may look at others' too."""
    tenants = tenants_where(user, "documents.view_bulkjob", "documents.change_bulkjob")
    mine = Q(user=user.pk, tenant__in=tenant_ids_of(user))
    return _light().exclude(state=BulkState.ASKED).filter(mine | Q(tenant__in=tenants))


def bulk_jobs_asked_by(user: AnyUser, pks: Sequence[UUID]) -> list[BulkJob]:
    """Those of the ids that the user asked for, confirmed or not."""
    return list(_light().filter(pk__in=pks, user=user.pk))


def bulk_jobs_open(user: AnyUser, knowledge_base: KnowledgeBase) -> QuerySet[BulkJob]:
    """Those that are under way for the user in a knowledge base."""
    return _light().filter(state=BulkState.OPEN, user=user.pk, knowledge_base=knowledge_base)


def bulk_jobs_purge(turn: Turn) -> bool:
    """Forget what was asked for and never confirmed; whether some is left."""
    unconfirmed = BulkJob.objects.filter(state=BulkState.ASKED, created_at__lt=Now() - KEPT_UNCONFIRMED)
    return bites(turn, lambda: rows_bite(unconfirmed.order_by("created_at")))


def _light() -> QuerySet[BulkJob]:
    """Without the documents, which may be many."""
    return BulkJob.objects.defer("documents", "refusals").select_related("knowledge_base")


def _pks(documents: QuerySet[Document]) -> list[UUID]:
    return list(documents.order_by("pk").values_list("pk", flat=True)[: MOST_DOCUMENTS + 1])
