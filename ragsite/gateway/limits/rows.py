"""Where limits are set: of a tenant, and of one of its keys."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ragsite.core.actors import Actor, change_log
from ragsite.core.limits import LimitKind, Limits, Per, Work, limits_written
from ragsite.gateway.models import ApiKey, Tenant, WorkLimit


def limits_set(*, tenant: Tenant, api_key: ApiKey | None = None, limits: Limits, actor: Actor) -> None:
    """These are the limits of the tenant, or of its key, from now on; where one is not among them, the installation's holds.

    Processes take it up within seconds.
    """
    rows = [
        WorkLimit(tenant=tenant, api_key=api_key, work=kind.work, per=kind.per, amount=amount)
        for kind, amount in limits.items()
    ]
    with transaction.atomic():
        # Whoever else sets them waits here.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
        WorkLimit.objects.filter(tenant=tenant, api_key=api_key).delete()
        WorkLimit.objects.bulk_create(rows)
        _told(tenant, api_key, limits, actor=actor)


def _told(tenant: Tenant, api_key: ApiKey | None, limits: Limits, *, actor: Actor) -> None:
    whose = f"the API key {api_key.name!r} of tenant {tenant.slug}" if api_key else f"tenant {tenant.slug}"
    written = limits_written(limits)
    what = f"the limits of {whose} are {written or 'those of the installation'}"
    change_log(what, actor=actor, action="limits.updated", of=api_key or tenant, details={"limits": written})


def limits_of(tenant_id: UUID, api_key_id: UUID | None = None) -> Limits:
    """The limits that the tenant, or its key, has of its own."""
    return _limits(WorkLimit.objects.filter(tenant=tenant_id, api_key=api_key_id))


def limits_of_both(tenant_id: UUID, api_key_id: UUID) -> tuple[Limits, Limits]:
    """Those of the key and those of its tenant, in one query."""
    rows = list(WorkLimit.objects.filter(Q(api_key=None) | Q(api_key=api_key_id), tenant=tenant_id))
    return _limits(one for one in rows if one.api_key_id), _limits(one for one in rows if not one.api_key_id)


def limits_of_tenants(tenant_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """Those that each of these tenants has of its own."""
    found: dict[UUID, list[WorkLimit]] = {one: [] for one in tenant_ids}
    for row in WorkLimit.objects.filter(tenant__in=list(found), api_key=None):
        found[row.tenant_id].append(row)
    return {tenant: _limits(rows) for tenant, rows in found.items()}


def _limits(rows: Iterable[WorkLimit]) -> Limits:
    return MappingProxyType({LimitKind(Work(one.work), Per(one.per)): one.amount for one in rows})
