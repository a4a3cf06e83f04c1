"""What happened before anybody listened, filled in for one tenant that asked for it: a walk, with which a job goes on.

The walk's position names the part that is told of and the id of the last row, so that an interruption costs a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.monitoring.analytics.backfill import PARTS, page_tell
from apps.monitoring.analytics.opening import analytics_settings, store_for_writing
from apps.monitoring.analytics.store import AnalyticsStore
from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.bites import walk
from ragsite.core.jobs import ring
from ragsite.core.models import ScheduledJob, Walk
from ragsite.core.work import Turn

FILL = "analytics-fill"
"""The job's name for those who ring."""

_WALKS = "fill-"
_NAMES = [part.name for part in PARTS]
_BEGINNING = f"{_NAMES[0]}:"
TENANTS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Filling:
    """How the filling in of a tenant stands: the `part` it is at, and when it last got on. `is_held_up` while it gets on no
    more, as where ClickHouse is away; it goes on by itself.
    """

    is_under_way: bool
    part: str = ""
    is_held_up: bool = False
    as_of: datetime | None = None


def filling_ask(tenant_id: UUID, *, actor: Actor) -> Filling:
    """Have ClickHouse told of all that the tenant has in PostgreSQL. One that is under way goes on as it is.

    Raises:
        AnalyticsOffError: none is set up.
    """
    analytics_settings()
    with transaction.atomic():
        Walk.objects.get_or_create(name=_walk_of(tenant_id))
        ended = Walk.objects.filter(name=_walk_of(tenant_id), position="")
        if ended.update(position=_BEGINNING, walked_at=Now()):
            on = AuditObject("analytics", tenant_id=tenant_id)
            change_log("reports are filled in from the record", actor=actor, action="analytics.filled", of=on)
            ring(FILL)
    return filling_of(tenant_id)


def filling_of(tenant_id: UUID) -> Filling:
    """How it stands for a tenant."""
    found = Walk.objects.filter(name=_walk_of(tenant_id)).first()
    if found is None or not found.position:
        return Filling(False, as_of=found.walked_at if found else None)
    is_held_up = ScheduledJob.objects.filter(name=FILL).exclude(error="").exists()
    return Filling(True, found.position.partition(":")[0], is_held_up, found.walked_at)


def analytics_fill(turn: Turn) -> bool:
    """Go on with what tenants asked for, the one that waited longest first; whether something is left.

    Raises:
        AnalyticsUnavailableError: ClickHouse is away; the next run goes on with this page.
    """
    asked = list(_asked().values_list("name", flat=True)[:TENANTS_AT_ONCE])
    if not asked:
        return False
    with store_for_writing(may_own=False) as store:
        left = [walk(turn, name, partial(_page, store, UUID(name.removeprefix(_WALKS)))) for name in asked]
    return any(left)


def _asked() -> QuerySet[Walk]:
    return Walk.objects.filter(name__startswith=_WALKS).exclude(position="").order_by("walked_at")


def _page(store: AnalyticsStore, tenant_id: UUID, position: str) -> str:
    """Tell of a page; where the walk stands then."""
    name, _, after = position.partition(":")
    part = PARTS[_NAMES.index(name)]
    _number, after = page_tell(part, store, part.rows().filter(**{part.tenant: tenant_id}), after=after)
    if after:
        return f"{name}:{after}"
    following = _NAMES[_NAMES.index(name) + 1 :]
    return f"{following[0]}:" if following else ""


def _walk_of(tenant_id: UUID) -> str:
    return f"{_WALKS}{tenant_id.hex}"
