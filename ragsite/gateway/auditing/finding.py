"""Entries of the audit log by what is asked of them; each question has an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from ragsite.core.audit.models import AuditEntry
from ragsite.core.ids import first_id_since

_FIRST, _LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_LATE = timedelta(seconds=1)
"""An entry's id is made a moment before or after the time that it says."""


@dataclass(frozen=True, slots=True)
class EntryFilters:
    """What is asked for; empty for anything. `actor` is a name or an id, `until` is not included, `before` is an entry's id."""

    actions: Sequence[str] = ()
    actor: str = ""
    object_type: str = ""
    object_id: str = ""
    request_id: str = ""
    knowledge_base_id: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


def entries_found(entries: QuerySet[AuditEntry], wanted: EntryFilters) -> QuerySet[AuditEntry]:
    """Those of the entries that fit, the newest first."""
    exactly = {
        "object_type": wanted.object_type, "object_id": wanted.object_id, "request_id": wanted.request_id,
        "outcome": wanted.outcome,
    }  # fmt: skip
    found = entries.filter(_period(wanted), **{name: value for name, value in exactly.items() if value})
    if wanted.actions:
        found = found.filter(action__in=wanted.actions)
    if wanted.actor:
        found = found.filter(Q(actor_name=wanted.actor) | Q(actor_id=wanted.actor))
    if base := wanted.knowledge_base_id:
        within = Q(details__has_key="knowledge_base_id", details__knowledge_base_id=base)
        found = found.filter(within | Q(object_id=base))
    return found.order_by("-id")


def entries_of(tenant_id: UUID | None) -> QuerySet[AuditEntry]:
    """The log of a tenant, or the installation's own."""
    return AuditEntry.objects.filter(tenant_id=tenant_id)


def _period(wanted: EntryFilters) -> Q:
    """By the ids, which the database has in order, and then exactly."""
    period = Q(id__lt=wanted.before) if wanted.before else Q()
    if wanted.since:
        since = _possible(wanted.since)
        period &= Q(id__gte=first_id_since(since - _LATE), at__gte=since)
    if wanted.until:
        until = _possible(wanted.until)
        period &= Q(id__lt=first_id_since(until + _LATE), at__lt=until)
    return period


def _possible(moment: datetime) -> datetime:
    """The nearest time at which there may be an entry."""
    return min(max(moment, _FIRST), _LAST)
