"""Erasing, as something that happens: what is found, asked for, worked on in steps, and reported."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from apps.documents.models import Document
from apps.retrieval.erasing.kept import KEPT
from apps.retrieval.erasing.log import logged_acts_of
from apps.retrieval.erasing.order import steps_of
from apps.retrieval.erasing.steps import LOG, EraseStep, Subject
from apps.retrieval.events import ErasureDone
from apps.retrieval.models import Erasure, ErasureState, ErasureSubject
from ragsite.core.actors import Actor, ActorKind, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.errors import LeaseLostError, NotFoundError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.outbox import emit
from ragsite.core.work import LeasedRows, Turn
from ragsite.gateway.models import Membership

ERASE = "erase"
"""The job's name for those who ring."""

BUSY = "busy"


class Erasures(LeasedRows):
    """Erasures under way; the one that has waited longest comes first."""

    model, what = Erasure, "the erasure"

    def open(self) -> QuerySet[Any]:
        return Erasure.objects.filter(state=ErasureState.ERASING).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=ErasureState.FAILED, error=error.sentence, **RELEASED)

    def postpone(self, claim: Claim, error: RagError) -> None:
        """Waits for what others hold, or remove, as long as it takes, without counting an attempt."""
        if error.error_code == BUSY:
            self.held(claim).update(attempts=F("attempts") - 1)
        super().postpone(claim, error)


ERASURES = Erasures()


def erasure_find(*, subject: str, subject_id: str, tenant_id: UUID, actor: Actor) -> dict[str, int]:
    """How many traces of the subject there are, by what they are; nothing is changed.

    Raises:
        NotFoundError: there is no such subject in the tenant.
    """
    subject_id = _as_kept(subject, subject_id)
    _check(subject, subject_id, tenant_id)
    return _found(Subject(subject, subject_id, tenant_id, actor))


def erasure_ask(*, subject: str, subject_id: str, tenant_id: UUID, actor: Actor) -> Erasure:
    """Have all traces of the subject erased. Asking again while it is under way is the same erasure, and resumes one that failed.

    Raises:
        NotFoundError: there is no such subject in the tenant.
    """
    subject_id = _as_kept(subject, subject_id)
    mine = Erasure.objects.filter(tenant=tenant_id, subject=subject, subject_id=subject_id)
    with transaction.atomic():
        failed = mine.filter(state=ErasureState.FAILED)
        if failed.update(state=ErasureState.ERASING, error="", attempts=0, not_before=Now(), **RELEASED):
            ring(ERASE)
    under_way = mine.filter(state=ErasureState.ERASING).first()
    return under_way or _asked(subject, subject_id, tenant_id, actor)


def _asked(subject: str, subject_id: str, tenant_id: UUID, actor: Actor) -> Erasure:
    found = erasure_find(subject=subject, subject_id=subject_id, tenant_id=tenant_id, actor=actor)
    kept = [{"what": what, "why": why} for what, why in KEPT[subject]]
    try:
        with transaction.atomic():
            made = Erasure.objects.create(
                tenant_id=tenant_id, subject=subject, subject_id=subject_id, found=found, kept=kept,
                actor=actor.as_dict(),
            )  # fmt: skip
            ring(ERASE)
            told = {"subject": subject, "subject_id": subject_id}
            what = f"the erasure {made.pk} of the {subject} {subject_id} was asked for"
            change_log(what, actor=actor, action="erasure.asked", of=AuditObject.unnamed(made), details=told)
    except IntegrityError:
        # Somebody asked at the same moment.
        return Erasure.objects.exclude(state=ErasureState.DONE).get(
            tenant=tenant_id, subject=subject, subject_id=subject_id
        )
    return made


def erasure_work(claim: Claim, turn: Turn) -> None:
    """Work on a claimed erasure for a turn: each bite commits with the count of what it erased.

    Raises:
        LeaseLostError: somebody else took over.
        TransientError: (code `busy`) others hold or remove what is erased; or Redis does not answer.
    """
    while not turn.is_over():
        if not _bite(claim):
            return


def _bite(claim: Claim) -> bool:
    """Whether there is more."""
    with transaction.atomic():
        erasure = ERASURES.held(claim).select_for_update(of=("self",), no_key=True).first()
        if erasure is None:
            raise LeaseLostError(f"The lease on the erasure {claim.ids[0]} was lost; this part of it is dropped.")
        steps = steps_of(erasure.subject)
        if erasure.steps >= len(steps):
            _end(erasure)
            return False
        step, number = steps[erasure.steps], steps[erasure.steps].erase(_subject(erasure))
        _progressed(erasure, step, number)
    return True


def _progressed(erasure: Erasure, step: EraseStep, number: int) -> None:
    """The next start goes on after this bite, so only deaths at one and the same place are counted."""
    erased = {**erasure.erased, step.what: erasure.erased.get(step.what, 0) + number}
    at = {} if number else {"steps": erasure.steps + 1}
    Erasure.objects.filter(pk=erasure.pk).update(erased=erased, attempts=1, error="", **at)


def _end(erasure: Erasure) -> None:
    """With an event by the key of the subject, so that consumers delete what they keep of it."""
    emit(
        ErasureDone(
            tenant_id=erasure.tenant_id, erasure_id=erasure.pk, subject=erasure.subject,
            document_id=UUID(erasure.subject_id) if erasure.subject == ErasureSubject.DOCUMENT else None,
            user_id=int(erasure.subject_id) if erasure.subject == ErasureSubject.USER else None,
        ),
        actor=_actor(erasure),
    )  # fmt: skip
    Erasure.objects.filter(pk=erasure.pk).update(
        state=ErasureState.DONE, ended_at=Now(), error="", attempts=0, **RELEASED
    )


def erasures_of(tenant_id: UUID) -> QuerySet[Erasure]:
    """Those of a tenant, the newest first."""
    return Erasure.objects.filter(tenant=tenant_id)


def _subject(erasure: Erasure) -> Subject:
    return Subject(erasure.subject, erasure.subject_id, erasure.tenant_id, _actor(erasure), erasure.pk)


def _actor(erasure: Erasure) -> Actor:
    """Who asked for it. Who erases oneself, or the tenant that one is of, is not named in what that leaves."""
    actor = Actor.kept(erasure.actor, job=ERASE)
    oneself = {
        ErasureSubject.USER: actor.kind is ActorKind.USER and actor.id == erasure.subject_id,
        ErasureSubject.TENANT: actor.kind in (ActorKind.USER, ActorKind.KEY),
    }
    return Actor.of_job(ERASE) if oneself.get(ErasureSubject(erasure.subject)) else actor


def _found(subject: Subject) -> dict[str, int]:
    counts = {step.what: step.found(subject) for step in steps_of(subject.kind)}
    return {what: count for what, count in counts.items() if count}


def _check(subject: str, subject_id: str, tenant_id: UUID) -> None:
    match subject:
        case ErasureSubject.DOCUMENT:
            there = _is_uuid(subject_id) and Document.objects.filter(pk=subject_id, tenant=tenant_id).exists()
        case ErasureSubject.USER:
            is_one = subject_id.isascii() and subject_id.isdigit() and int(subject_id) < 2**31
            there = is_one and _has_traces(int(subject_id), tenant_id)
        case _:
            there = subject_id == str(tenant_id)
    if not there:
        raise NotFoundError(f"There is no {subject} {subject_id[:40]} in this tenant.")


def _has_traces(user_id: int, tenant_id: UUID) -> bool:
    """A member, or who was one: another tenant's user is nobody here, also if words of the log are what that one is called."""
    if Membership.objects.filter(user=user_id, tenant=tenant_id).exists():
        return True
    of_user = User.objects.filter(pk=user_id)
    subject = Subject(ErasureSubject.USER, str(user_id), tenant_id, Actor.of_job(ERASE))
    found = _found(subject) | {LOG.what: logged_acts_of(str(user_id), tenant_id).exists()}
    return of_user.exists() and any(found.values())


def _as_kept(subject: str, subject_id: str) -> str:
    """An id in the one way of writing it."""
    return subject_id if subject == ErasureSubject.USER or not _is_uuid(subject_id) else str(UUID(subject_id))


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
