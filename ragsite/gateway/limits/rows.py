"""Where limits are set: of a tenant, of one of its keys, and of one of its members."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from ragsite.core.actors import Actor, change_log
from ragsite.core.limits import LimitKind, Limits, Per, Work, limits_written
from ragsite.gateway.models import ApiKey, Membership, Tenant, WorkLimit

Limited = Tenant | ApiKey | Membership
"""Who has limits of their own. A member has them for the work in that tenant alone."""


def limits_set(*, of: Limited, limits: Limits, actor: Actor) -> None:
    """These are the limits of the tenant, key or member from now on; where one is not among them, the installation's holds.

    Processes take it up within seconds.
    """
    tenant_id = of.pk if isinstance(of, Tenant) else of.tenant_id
    whose: dict[str, Any] = {
        "tenant_id": tenant_id,
        "api_key": of if isinstance(of, ApiKey) else None,
        "membership": of if isinstance(of, Membership) else None,
    }
    rows = [WorkLimit(**whose, work=kind.work, per=kind.per, amount=amount) for kind, amount in limits.items()]
    with transaction.atomic():
        # Whoever else sets them waits here.
        Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
        WorkLimit.objects.filter(**whose).delete()
        WorkLimit.objects.bulk_create(rows)
        _told(of, limits, actor=actor)


def _told(of: Limited, limits: Limits, *, actor: Actor) -> None:
    written = limits_written(limits)
    what = f"the limits of {_named(of)} are {written or 'those of the installation'}"
    change_log(what, actor=actor, action="limits.updated", of=of, details={"limits": written})


def _named(of: Limited) -> str:
    match of:
        case ApiKey():
            return f"the API key {of.name!r} of tenant {of.tenant.slug}"
        case Membership():
            return f"{of.user.get_username()} in tenant {of.tenant.slug}"
        case _:
            return f"tenant {of.slug}"


def limits_of(of: Limited) -> Limits:
    """The limits that the tenant, key or member has of its own."""
    match of:
        case ApiKey():
            return _limits(WorkLimit.objects.filter(api_key=of))
        case Membership():
            return _limits(WorkLimit.objects.filter(membership=of))
        case _:
            return _limits(WorkLimit.objects.filter(tenant=of, api_key=None, membership=None))


def limits_of_key(tenant_id: UUID, api_key_id: UUID) -> tuple[Limits, Limits]:
    """Those of the key and those of its tenant, in one query."""
    rows = list(
        WorkLimit.objects.filter(Q(api_key=None) | Q(api_key=api_key_id), tenant=tenant_id, membership=None)
    )  # fmt: skip
    return _limits(one for one in rows if one.api_key_id), _limits(one for one in rows if not one.api_key_id)


def limits_of_member(tenant_id: UUID, user_id: int) -> tuple[Limits, Limits]:
    """Those of the user as a member of the tenant and those of the tenant, in one query."""
    rows = list(
        WorkLimit.objects.filter(
            Q(membership=None) | Q(membership__user=user_id), tenant=tenant_id, api_key=None
        )
    )  # fmt: skip
    return _limits(one for one in rows if one.membership_id), _limits(one for one in rows if not one.membership_id)


def limits_of_tenants(tenant_ids: Iterable[UUID]) -> dict[UUID, Limits]:
    """Those that each of these tenants has of its own."""
    found: dict[UUID, list[WorkLimit]] = {one: [] for one in tenant_ids}
    for row in WorkLimit.objects.filter(tenant__in=list(found), api_key=None, membership=None):
        found[row.tenant_id].append(row)
    return {tenant: _limits(rows) for tenant, rows in found.items()}


def limits_of_members(tenant_ids: Iterable[UUID], *, most: int) -> dict[tuple[UUID, int], Limits]:
    """Those that members of these tenants have of their own, by tenant and user; of the first `most` limits."""
    rows = WorkLimit.objects.filter(tenant__in=list(tenant_ids)).exclude(membership=None).select_related("membership")
    found: dict[tuple[UUID, int], list[WorkLimit]] = {}
    for row in rows.order_by("membership", "id")[:most]:
        if row.membership is not None:
            found.setdefault((row.tenant_id, row.membership.user_id), []).append(row)
    return {whose: _limits(some) for whose, some in found.items()}


def _limits(rows: Iterable[WorkLimit]) -> Limits:
    return MappingProxyType({LimitKind(Work(one.work), Per(one.per)): one.amount for one in rows})
