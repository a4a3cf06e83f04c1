"""The jobs by the clock that remove what nobody needs any more: how they stand, and asking for one before its time.

They remove what was deleted or has ended, whoever asks and whenever: asking only wakes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.errors import NotFoundError
from ragsite.core.jobs import ring
from ragsite.core.models import ScheduledJob

PURGES = (
    "documents-purge", "blobs-purge", "pictures-purge", "cut-previews-purge", "generations-purge", "generations-discard",
)  # fmt: skip
"""Names of `workers/jobs.py`, in the order in which one makes work for the next."""


@dataclass(frozen=True, slots=True)
class Purge:
    """A purge as of a moment. `finished_at` is when it last ended well; `is_failing` says that it has not since."""

    name: str
    as_of: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    is_running: bool = False
    is_failing: bool = False


def purges() -> list[Purge]:
    """All of them. Why one fails is for who looks after the machine: its words may name what is a tenant's."""
    now = timezone.now()
    jobs = {job.name: job for job in ScheduledJob.objects.filter(name__in=PURGES)}
    return [_purge(name, jobs.get(name), now) for name in PURGES]


def purge_ask(name: str, *, tenant_id: UUID, actor: Actor) -> Purge:
    """Wake a purge; it has run once its `finished_at` is past `as_of`.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in PURGES:
        raise NotFoundError(f"There is no purge {name[:60]!r}.", action=f"There are {', '.join(PURGES)}.")
    with transaction.atomic():
        on = AuditObject("purge", name, name, tenant_id)
        change_log(f"the job {name} was asked for", actor=actor, action="purge.asked", of=on)
        ring(name)
    return _purge(name, ScheduledJob.objects.filter(name=name).first(), timezone.now())


def _purge(name: str, job: ScheduledJob | None, now: datetime) -> Purge:
    if job is None:
        return Purge(name, now)
    is_running = job.lease_until is not None and job.lease_until > now
    return Purge(name, now, job.started_at, job.finished_at, is_running, bool(job.error))
