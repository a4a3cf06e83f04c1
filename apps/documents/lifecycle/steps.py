"""One step of a version through a stage: how it begins, ends, fails and is tried again.

A stage's service gets a Step and calls `complete` in the transaction that writes its result. The call checks the lease:
state, result and event commit together, by the worker that holds the version, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.documents.events import DocumentFailed
from apps.documents.models import (
    LIVING_VERSIONS,
    VERSION_TRANSITIONS,
    Chunk,
    Document,
    DocumentVersion,
    StageOutcome,
    StageRecord,
    VersionStatus,
)
from ragsite.core.actors import Actor
from ragsite.core.errors import LeaseLostError, RagError
from ragsite.core.leases import RELEASED, Claim, backoff, lease_release, worker_name
from ragsite.core.locking import rows_hold, rows_update
from ragsite.core.metrics.instruments import counter
from ragsite.core.outbox import emit

STARTS = counter("ragsite_stage_starts_total")
ENDS = counter("ragsite_stage_ends_total")


def versions_move(
    versions: QuerySet[DocumentVersion], *, before: VersionStatus, after: VersionStatus, **columns: Any
) -> int:
    """Move those of the versions that are `before` to `after`, and release them from their holders; the number of them.

    `columns` are set in the same statement.

    Raises:
        ValueError: `after` may not follow `before`. Nothing is written.
    """
    if after not in VERSION_TRANSITIONS[before]:
        raise ValueError(f"A version that is {before} cannot become {after}.")
    return versions.filter(status=before).update(status=after, **RELEASED, **columns)


@dataclass(frozen=True, slots=True)
class Step:
    """Versions claimed for one stage, and the states it leads between."""

    stage: str
    before: VersionStatus
    after: VersionStatus
    retry_from: VersionStatus
    claim: Claim

    def only(self, version_id: UUID) -> Step:
        """The step as far as it is about one of its versions."""
        return replace(self, claim=replace(self.claim, ids=(version_id,)))

    def actor_of(self, version: DocumentVersion) -> Actor:
        """Who asked for what the step does to the version."""
        return Actor.kept(version.actor, job=self.stage)

    def hold(self, version_ids: Collection[UUID]) -> None:
        """Lock the versions for the rest of the transaction.

        Raises:
            LeaseLostError: one of them is no longer held by this step.
        """
        held = _held(self).filter(pk__in=version_ids).order_by("pk").select_for_update(of=("self",), no_key=True)
        if len(held.values_list("pk", flat=True)) != len(version_ids):
            raise _lost(self)

    def held(self, version_ids: Collection[UUID], *, lock: bool = False) -> set[UUID]:
        """Those of the versions that this step still holds and whose documents were not deleted; `lock` keeps it so for the
        versions until the transaction ends.
        """
        versions = _held(self).filter(LIVING_VERSIONS, pk__in=version_ids).order_by("pk")
        if lock:
            versions = versions.select_for_update(of=("self",), no_key=True)
        return set(versions.values_list("pk", flat=True))

    def check(self, version_id: UUID) -> None:
        """Go on only if the version is still wanted.

        Raises:
            LeaseLostError: it is no longer held by this step, or its document was deleted.
        """
        if not self.held([version_id]):
            raise LeaseLostError(f"Version {version_id} is no longer wanted; {self.stage} stops at it.")

    def progressed(self, version_ids: Collection[UUID]) -> None:
        """Restart the count of starts at the present one, in the transaction that keeps a part of the versions' result.

        The next start goes on after that part, so only deaths at one and the same place are counted against a version.
        """
        _held(self).filter(pk__in=version_ids).update(attempts=1)

    def complete(self, *version_ids: UUID, **result: Any) -> None:
        """Move the versions to the state after this stage; `result` are columns of theirs that the stage sets.

        Raises:
            LeaseLostError: one of them is no longer held by this step.
        """
        _move(self, version_ids, self.after, **result)
        _record(version_ids, self, StageOutcome.DONE)

    def send_back(self, version_ids: Collection[UUID], error: RagError) -> None:
        """Send versions back to where a failed one would resume, without counting an attempt; `error` says why.

        Raises:
            LeaseLostError: one of them is no longer held by this step.
        """
        _move(self, version_ids, self.retry_from)
        _record(version_ids, self, StageOutcome.POSTPONED, error)


def step_started(step: Step) -> None:
    """Record in each claimed version's timeline that a worker began, or continues what was paused.

    Nothing is recorded of one that was cancelled, or taken back, since it was claimed.
    """
    ids, owner = list(step.claim.ids), step.claim.owner
    with connection.cursor() as cursor:
        cursor.execute(_STARTED, {"stage": step.stage, "worker": worker_name(), "ids": ids, "owner": owner})
    STARTS.labels(step.stage).inc(len(ids))


def step_postpone(step: Step, error: RagError) -> None:
    """Let the step's unfinished versions be tried again later: exponential back-off with full jitter."""
    with transaction.atomic():
        for version in _held(step).select_for_update(of=("self",), no_key=True).order_by("pk"):
            wait = backoff(version.attempts, at_least=error.retry_after or 0)
            DocumentVersion.objects.filter(pk=version.pk).update(not_before=Now() + wait, **RELEASED)
            _record([version.pk], step, StageOutcome.POSTPONED, error)


def step_give_back(step: Step, version_ids: Collection[UUID]) -> None:
    """Let versions that were not begun be claimed at once, as if this step had never held them."""
    with transaction.atomic():
        held = rows_hold(_held(step).filter(pk__in=version_ids))
        if held:
            StageRecord.objects.filter(version__in=held, stage=step.stage).delete()
            lease_release(DocumentVersion, step.claim, held)


def step_wait(step: Step, version_ids: Collection[UUID], error: RagError) -> None:
    """Let versions that were not begun be claimed again in `error.retry_after` seconds; `error` says what they wait for. The
    attempt does not count.
    """
    wait = timedelta(seconds=error.retry_after or 0)
    with transaction.atomic():
        held = rows_hold(_held(step).filter(pk__in=version_ids))
        DocumentVersion.objects.filter(pk__in=held).update(not_before=Now() + wait)
        _record(held, step, StageOutcome.POSTPONED, error)
        lease_release(DocumentVersion, step.claim, held)


def step_pause(step: Step) -> int:
    """Let the step's unfinished versions, which got on, be claimed at once for what is left; the number of them. The attempt
    does not count.
    """
    return lease_release(DocumentVersion, step.claim, step.claim.ids)


def step_let_go(step: Step) -> None:
    """Give back the versions that are still held after the lease on one of them was lost; the attempt counts."""
    rows_update(DocumentVersion.objects.filter(pk__in=step.claim.ids, lease_owner=step.claim.owner), **RELEASED)


def step_fail(step: Step, error: RagError) -> None:
    """Fail the step's unfinished versions for good."""
    for version_id in _held(step).values_list("pk", flat=True):
        version_fail(version_id, step=step, error=error)


def version_fail(version_id: UUID, *, step: Step, error: RagError) -> None:
    """Fail a version and undo what it had got: chunks and, by a trigger, vectors. The parsed text stays.

    Nothing happens to one that has moved on. Of a deleted document nothing more is told.
    """
    with transaction.atomic():
        version = _locked_with_document(version_id)
        if version is None or version.status != step.before or version.lease_owner != step.claim.owner:
            return
        Chunk.objects.filter(version=version).delete()
        versions_move(
            DocumentVersion.objects.filter(pk=version_id),
            before=step.before,
            after=VersionStatus.FAILED,
            retry_status=step.retry_from,
            error_code=error.error_code,
            error=error.sentence,
            chunk_count=0,
        )
        _record([version_id], step, StageOutcome.FAILED, error)
        if version.document.deleted_at is None and version.document.knowledge_base.deleted_at is None:
            emit(_failed_event(version, step, error), actor=step.actor_of(version))


def _locked_with_document(version_id: UUID) -> DocumentVersion | None:
    """The version, locked after its document, as whoever retries it locks the two; None once they are removed."""
    documents = Document.objects.select_for_update(of=("self",), no_key=True).select_related("knowledge_base")
    document = documents.filter(versions=version_id).first()
    version = DocumentVersion.objects.select_for_update(no_key=True).filter(pk=version_id).first()
    if document is None or version is None:
        return None
    version.document = document
    return version


def _move(step: Step, version_ids: Collection[UUID], after: VersionStatus, **result: Any) -> None:
    """Move versions that the step holds, each to begin with no start counted."""
    held = rows_hold(_held(step).filter(pk__in=version_ids))
    if len(held) != len(version_ids):
        raise _lost(step)
    versions = DocumentVersion.objects.filter(pk__in=held)
    versions_move(versions, before=step.before, after=after, attempts=0, not_before=Now(), **result)


def _lost(step: Step) -> LeaseLostError:
    return LeaseLostError(f"The lease on a version was lost while {step.stage} ran; its work is dropped.")


def _held(step: Step) -> Any:
    return DocumentVersion.objects.filter(
        pk__in=step.claim.ids, status=step.before, lease_owner=step.claim.owner, lease_until__gte=Now()
    )


def _record(version_ids: Collection[UUID], step: Step, outcome: StageOutcome, error: RagError | None = None) -> None:
    StageRecord.objects.filter(version__in=version_ids, stage=step.stage).update(
        outcome=outcome,
        finished_at=Now(),
        error_code=error.error_code if error else "",
        error=error.sentence if error else "",
    )
    number = len(version_ids)
    transaction.on_commit(lambda: ENDS.labels(step.stage, outcome).inc(number))


def _failed_event(version: DocumentVersion, step: Step, error: RagError) -> DocumentFailed:
    return DocumentFailed(
        tenant_id=version.document.tenant_id,
        knowledge_base_id=version.document.knowledge_base_id,
        document_id=version.document_id,
        version_id=version.pk,
        stage=step.stage,
        error_code=error.error_code,
        error=error.sentence,
    )


_GOES_ON = "known.outcome = 'running' AND excluded.attempts <= known.attempts"
"""Whether a start continues what was paused; any other is a new one."""

_IS_ANOTHER_TRY = "excluded.attempts > 1"
"""Whether the reason that stands there is why there is another try: should the worker die at it, that is all that is known."""

_STARTED = f"""
    INSERT INTO documents_stagerecord AS known (
        version_id, stage, outcome, attempts, worker, begun_at, started_at, error_code, error, actor)
    SELECT id, %(stage)s, 'running', attempts, %(worker)s, moment.at, moment.at, '', '', actor
    FROM (
        SELECT * FROM documents_documentversion
        WHERE id = ANY(%(ids)s) AND lease_owner = %(owner)s
        ORDER BY id FOR NO KEY UPDATE
    ) version, LATERAL (SELECT clock_timestamp() AS at) moment
    ON CONFLICT (version_id, stage) DO UPDATE
    SET outcome = excluded.outcome, worker = excluded.worker, finished_at = NULL,
        error_code = CASE WHEN {_IS_ANOTHER_TRY} THEN known.error_code ELSE '' END,
        error = CASE WHEN {_IS_ANOTHER_TRY} THEN known.error ELSE '' END,
        actor = excluded.actor,
        begun_at = CASE WHEN {_GOES_ON} OR {_IS_ANOTHER_TRY} THEN known.begun_at ELSE excluded.begun_at END,
        attempts = CASE WHEN {_GOES_ON} THEN known.attempts ELSE excluded.attempts END,
        started_at = CASE WHEN {_GOES_ON} THEN known.started_at ELSE excluded.started_at END
"""  # noqa: S608 - a constant of this file
