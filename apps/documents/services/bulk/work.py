"""The work on a bulk job: document after document, each with its place in the list in one transaction.

So a worker that dies anywhere has either done a document and noted it, or neither, and who takes over goes on at the next one.
The rights of the user it is done for are read anew for each document: what was taken away meanwhile is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.documents.models import BulkJob, BulkState
from apps.documents.rights.access import documents_shown_to
from apps.documents.services.bulk.jobs import BULK
from apps.documents.services.bulk.kinds import bulk_kind
from ragsite.core.actors import Actor
from ragsite.core.errors import LeaseLostError, NotFoundError, PermanentError, RagError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows, Turn

AT_ONCE = 200
"""Ids that are read of a job's list at once."""

MOST_TOLD = 100
LONGEST_REASON = 500


class BulkJobs(LeasedRows):
    """Jobs under way; the one that has waited longest comes first, and one that had its turn goes behind the others."""

    model, what = BulkJob, "the bulk job"

    def open(self) -> QuerySet[Any]:
        return BulkJob.objects.filter(state=BulkState.OPEN).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(
            state=BulkState.FAILED, error=error.sentence, ended_at=Now(), documents=[], **RELEASED
        )  # fmt: skip

    def give_back(self, claim: Claim) -> None:
        self.held(claim).update(not_before=Now())
        super().give_back(claim)


BULK_JOBS = BulkJobs()


def bulk_job_work(claim: Claim, turn: Turn) -> None:
    """Work on a claimed job for a turn.

    Raises:
        LeaseLostError: it was cancelled, or somebody else took over.
    """
    while documents := _next(claim):
        for document_id in documents:
            if turn.is_over():
                return
            _do(claim, document_id)
    _end(claim)


def _next(claim: Claim) -> Sequence[UUID]:
    """The next ids of the list; none at its end."""
    at = BULK_JOBS.held(claim).values_list("done", "refused").first()
    if at is None:
        raise _lost(claim)
    first = sum(at)
    return BulkJob.objects.values_list(f"documents__{first}_{first + AT_ONCE}", flat=True).get(pk=claim.ids[0]) or ()


def _do(claim: Claim, document_id: UUID) -> None:
    """Do it to a document and note that, or that it was refused and why.

    The job is locked last, when it is noted: whoever lost the lease meanwhile has done nothing.
    """
    with transaction.atomic():
        job = BULK_JOBS.held(claim).defer("documents").first()
        if job is None:
            raise _lost(claim)
        try:
            with transaction.atomic():
                _do_one(job, document_id)
        except PermanentError as error:
            told = [*job.refusals, {"document": str(document_id), "reason": error.sentence[:LONGEST_REASON]}]
            _progressed(claim, refused=F("refused") + 1, refusals=told[:MOST_TOLD])
        else:
            _progressed(claim, done=F("done") + 1)


def _do_one(job: BulkJob, document_id: UUID) -> None:
    kind = bulk_kind(job.kind)
    user = get_user_model().objects.filter(bulk_jobs=job.pk).first()
    document = None if user is None else documents_shown_to(user).filter(pk=document_id).first()
    if user is None or document is None:
        raise NotFoundError("The document is no longer there, or no longer shown to who asked for this.")
    if not user.has_perm(kind.permission, document):
        raise PermanentError("Who asked for this may not do it any more.", code="permission_denied")
    kind.do(document, job.tags, Actor.kept(job.actor, job=BULK))


def _end(claim: Claim) -> None:
    ended = dict(state=BulkState.DONE, ended_at=Now(), error="", attempts=0, documents=[], **RELEASED)
    if not BULK_JOBS.held(claim).update(**ended):
        raise _lost(claim)


def _progressed(claim: Claim, **columns: Any) -> None:
    """The next start goes on after this document, so only deaths at one and the same are counted."""
    if not BULK_JOBS.held(claim).update(attempts=1, error="", **columns):
        raise _lost(claim)


def _lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(f"The lease on the bulk job {claim.ids[0]} was lost; it goes on elsewhere, or not at all.")
