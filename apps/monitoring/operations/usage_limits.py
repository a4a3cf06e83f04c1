"""What tenants and their members may ask for, and how much of their quotas is used, as the page of usage shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import User
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise

from ragsite.core.limits import Work
from ragsite.core.numbers import number_shown
from ragsite.gateway.admin.limits import LABELS
from ragsite.gateway.limits.buckets import Party, PartyKind
from ragsite.gateway.limits.parties import parties_of_members, tenant_limits
from ragsite.gateway.limits.rows import limits_of_tenants
from ragsite.gateway.limits.usage import LimitUse, limits_used

MOST_TENANTS = 200
"""Of whom limits are shown at once; one of more is chosen above."""
MOST_OF_MEMBERS = 200
"""Limits of members that are shown at once."""


@dataclass(frozen=True, slots=True)
class LimitShown:
    """A limit, and of a quota what is used of it. `member` is empty for one of the whole tenant."""

    tenant: str
    member: str
    title: str | Promise
    limit: str
    used: str
    percent: int
    use: LimitUse


def tenants_limited(tenants: Mapping[UUID, str]) -> list[LimitShown]:
    """The limits of these tenants, by their names."""
    named = dict(islice(tenants.items(), MOST_TENANTS))
    parties = [Party(PartyKind.TENANT, "", str(pk), tenant_limits(own)) for pk, own in limits_of_tenants(named).items()]
    return [_shown(one, named[UUID(one.tenant)]) for one in limits_used(parties)]


def members_limited(tenants: Mapping[UUID, str]) -> list[LimitShown]:
    """The limits that members of these tenants have of their own, by their names."""
    named = dict(islice(tenants.items(), MOST_TENANTS))
    parties = parties_of_members(named, most=MOST_OF_MEMBERS)
    names = dict(User.objects.filter(pk__in={int(one.id) for one in parties}).values_list("pk", "username"))
    return [_shown(one, named[UUID(one.tenant)], names.get(int(one.id), "")) for one in limits_used(parties)]


def _shown(use: LimitUse, tenant: str, member: str = "") -> LimitShown:
    told = _bytes if use.kind.work is Work.UPLOAD_BYTES else number_shown
    used = "" if use.used is None else told(use.used)
    return LimitShown(tenant, member, LABELS[use.kind], told(use.limit), used, round(100 * use.share), use)


def _bytes(number: float) -> str:
    return str(filesizeformat(number))
