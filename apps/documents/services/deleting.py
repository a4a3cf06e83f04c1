"""Removing a knowledge base that `knowledge_base_delete` has marked.

From the mark on nothing in it is found, listed, uploaded to or worked on. The job emits an event for each document and then
removes rows and files, in bites that each commit with the count of what is done, so that the next worker repeats nothing.
What the indexes hold of it is removed between the two, see `apps.retrieval.index.deleting`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.documents.blobs import blobs_release
from apps.documents.events import DocumentDeleted
from apps.documents.models import DeletionState, Document, DocumentVersion, KnowledgeBaseDeletion
from apps.documents.services.purging import documents_remove
from ragsite.core.actors import Actor, change_log
from ragsite.core.dynamic.changing import settings_forget
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import ConflictError, LeaseLostError, RagError, TransientError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.locking import rows_update
from ragsite.core.outbox import emit
from ragsite.core.work import Advice, LeasedRows

DELETE = "knowledge-base-delete"
"""The job's name for those who ring."""

BUSY = "busy"
"""The code of errors that say that others hold what is needed."""

TOLD = 1_000
"""Documents that get their event in one bite."""

ADVICE = Advice(
    too_slow="Look at what PostgreSQL is busy with, then resume the deletion.",
    too_much_memory="Look at the worker's log, then resume the deletion.",
)


class KnowledgeBaseDeletions(LeasedRows):
    """Deletions in progress; the one that has waited longest comes first, and one that had its turn goes behind the others."""

    model = KnowledgeBaseDeletion
    what = "the deletion of a knowledge base"

    def open(self) -> QuerySet[Any]:
        return KnowledgeBaseDeletion.objects.filter(state=DeletionState.REMOVING).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=DeletionState.FAILED, error=error.sentence, **RELEASED)

    def give_back(self, claim: Claim) -> None:
        self.held(claim).update(not_before=Now())
        super().give_back(claim)

    def postpone(self, claim: Claim, error: RagError) -> None:
        """Waits for rows that somebody else holds as long as it takes, without counting an attempt."""
        if error.error_code == BUSY:
            self.held(claim).update(attempts=F("attempts") - 1)
        super().postpone(claim, error)


DELETIONS = KnowledgeBaseDeletions()


def knowledge_base_deletion_resume(*, deletion: KnowledgeBaseDeletion, actor: Actor) -> KnowledgeBaseDeletion:
    """Resume a deletion that failed, where it stopped.

    Raises:
        ConflictError: it did not fail.
    """
    failed = KnowledgeBaseDeletion.objects.filter(pk=deletion.pk, state=DeletionState.FAILED)
    with transaction.atomic():
        if not failed.update(state=DeletionState.REMOVING, attempts=0, error="", not_before=Now()):
            raise ConflictError(f"The deletion of {deletion} has not failed.", action="Watch its progress.")
        ring(DELETE)
        what = f"the deletion {deletion.pk} was resumed"
        change_log(what, actor=actor, action="knowledge_base_deletion.resumed", of=deletion)
    deletion.refresh_from_db()
    return deletion


def documents_tell(claim: Claim) -> bool:
    """Mark the next documents as deleted and emit an event for each; whether there may be more.

    A worker at one of their versions loses its lease with that, and so writes nothing into what is removed next.

    Raises:
        LeaseLostError: somebody else took over.
        TransientError: (code `busy`) the documents that are left are locked.
    """
    with transaction.atomic():
        deletion = _hold(claim)
        living = Document.objects.filter(knowledge_base=deletion.knowledge_base_id, deleted_at=None)
        # By the order of the index of the living ones, in which those that were marked are not read again.
        free = living.select_for_update(of=("self",), skip_locked=True, no_key=True).order_by("content_hash")
        pks = list(free.values_list("pk", flat=True)[:TOLD])
        if not pks and living.exists():
            raise TransientError("The documents that are left are in use.", code=BUSY, retry_after=1)
        if pks:
            Document.objects.filter(pk__in=pks).update(deleted_at=Now())
            _leases_end(pks)
            emit(*[_event(deletion, pk) for pk in pks], actor=Actor.kept(deletion.actor, job=DELETE))
            _progressed(deletion, document_told=F("document_told") + len(pks))
    return len(pks) > 0


def documents_remove_told(claim: Claim) -> bool:
    """Remove the next documents with their rows and files; whether there may be more.

    Raises:
        LeaseLostError: somebody else took over.
        TransientError: (code `busy`) the documents that are left are locked.
    """
    with transaction.atomic():
        deletion = _hold(claim)
        rows = Document.objects.filter(knowledge_base=deletion.knowledge_base_id)
        removed = documents_remove(rows.order_by())
        if not removed.found and rows.exists():
            raise TransientError("The documents that are left are in use.", code=BUSY, retry_after=1)
        if removed.found:
            _progressed(deletion, document_gone=F("document_gone") + removed.documents)
    blobs_release(removed.blobs)
    return removed.found > 0


def knowledge_base_deletion_end(claim: Claim) -> None:
    """Record that nothing is left. The row of the knowledge base stays, because saved answers refer to it.

    Raises:
        LeaseLostError: somebody else took over.
    """
    with transaction.atomic():
        deletion = _hold(claim)
        settings_forget(Place.of_base(deletion.knowledge_base))
        KnowledgeBaseDeletion.objects.filter(pk=deletion.pk).update(
            state=DeletionState.DONE, ended_at=Now(), error="", attempts=0, **RELEASED
        )


def knowledge_base_of(claim: Claim) -> UUID:
    """The id of the knowledge base that a claimed deletion removes."""
    return KnowledgeBaseDeletion.objects.values_list("knowledge_base_id", flat=True).get(pk=claim.ids[0])


def _hold(claim: Claim) -> KnowledgeBaseDeletion:
    """The deletion, locked for the rest of the transaction."""
    held = DELETIONS.held(claim).select_for_update(of=("self",), no_key=True).select_related("knowledge_base")
    deletion: KnowledgeBaseDeletion | None = held.first()
    if deletion is None:
        raise LeaseLostError(f"The lease on the deletion {claim.ids[0]} was lost; this part of it is dropped.")
    return deletion


def _progressed(deletion: KnowledgeBaseDeletion, **counted: Any) -> None:
    """The next start goes on after this bite, so only deaths at one and the same place are counted."""
    KnowledgeBaseDeletion.objects.filter(pk=deletion.pk).update(attempts=1, error="", **counted)


def _leases_end(document_pks: list[UUID]) -> None:
    held = DocumentVersion.objects.filter(document__in=document_pks).exclude(lease_owner="")
    rows_update(held, **RELEASED)


def _event(deletion: KnowledgeBaseDeletion, document_id: UUID) -> DocumentDeleted:
    base = deletion.knowledge_base
    return DocumentDeleted(tenant_id=base.tenant_id, knowledge_base_id=base.pk, document_id=document_id)
