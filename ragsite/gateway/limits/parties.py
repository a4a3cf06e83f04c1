"""Whose limits hold for a caller: the key's and its tenant's, the person's and the tenant's they work in, or the address's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError

from ragsite.core.configuration import LimitSettings
from ragsite.core.limits import Limits, limits_read
from ragsite.gateway.limits.buckets import Party, PartyKind
from ragsite.gateway.limits.rows import limits_of_key, limits_of_member, limits_of_members
from ragsite.gateway.models import Membership
from ragsite.gateway.sign_ins import address_digest
from ragsite.gateway.threads import LOOKUPS, run_on
from ragsite.gateway.visits import Caller

KNOWN_SECONDS = 10.0
"""So long a change of limits may take until every process heeds it."""

_KEPT = 10_000
_USER = "user "


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A row that an address names, such as a knowledge base, by which the tenant is known that a person works in."""

    model: str
    tenant_field: str
    pk: str


class Parties:
    """Remembers for a few seconds whose limits hold for whom. For one event loop."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Caller, Whereabouts | None], tuple[float, tuple[Party, ...]]] = {}

    async def of(self, caller: Caller, where: Whereabouts | None) -> tuple[Party, ...]:
        """Those with limits, for a caller at an address.

        Raises:
            OperationalError, InterfaceError: the database, which knows them, does not answer.
        """
        if not caller.is_known:
            return parties_of_address(caller.key)
        until, parties = self._kept.get((caller, where), (0.0, ()))
        if until > time.monotonic():
            return parties
        parties = await asyncio.ensure_future(run_on(LOOKUPS, parties_of, caller, where))
        self._kept.pop((caller, where), None)
        self._kept[caller, where] = time.monotonic() + KNOWN_SECONDS, parties
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return parties


def parties_of(caller: Caller, where: Whereabouts | None) -> tuple[Party, ...]:
    """Those with limits, for a known caller."""
    if caller.tenant.startswith(_USER):
        return parties_of_user(int(caller.tenant.removeprefix(_USER)), where)
    return parties_of_key(UUID(caller.tenant), UUID(caller.key))


def parties_of_key(tenant_id: UUID, api_key_id: UUID) -> tuple[Party, ...]:
    """The key and its tenant, as far as they have limits."""
    settings = LimitSettings.current()
    of_key, of_tenant = limits_of_key(tenant_id, api_key_id)
    key = Party(PartyKind.KEY, str(api_key_id), str(tenant_id), _over(of_key, settings.of_key))
    tenant = Party(PartyKind.TENANT, "", str(tenant_id), _over(of_tenant, settings.of_tenant))
    return _limited(key, tenant)


def parties_of_members(tenant_ids: Iterable[UUID], *, most: int) -> tuple[Party, ...]:
    """The members of these tenants who have limits of their own there, as far as `most` limits tell."""
    found = limits_of_members(tenant_ids, most=most)
    return tuple(Party(PartyKind.USER, str(user), str(tenant), own) for (tenant, user), own in found.items())


def parties_of_user(user_id: int, where: Whereabouts | None = None) -> tuple[Party, ...]:
    """The person, and the tenant of what the address names; of one that names none, the only tenant of the person's.

    What the person has of limits as a member of the tenant is counted there alone; the installation's hold for the rest, in all
    tenants together.
    """
    settings = LimitSettings.current()
    usual, tenant_id = limits_read(settings.of_user), _tenant_of_user(user_id, where)
    if tenant_id is None:
        return _limited(Party(PartyKind.USER, str(user_id), "", usual))
    own, of_tenant = limits_of_member(tenant_id, user_id)
    rest = MappingProxyType({kind: amount for kind, amount in usual.items() if kind not in own})
    return _limited(
        Party(PartyKind.USER, str(user_id), str(tenant_id), own),
        Party(PartyKind.USER, str(user_id), "", rest),
        Party(PartyKind.TENANT, "", str(tenant_id), _over(of_tenant, settings.of_tenant)),
    )


@lru_cache(4096)
def _party_of_address(address: str, told: str) -> tuple[Party, ...]:
    return _limited(Party(PartyKind.ADDRESS, address_digest(address)[:32], "", limits_read(told)))


def parties_of_address(address: str) -> tuple[Party, ...]:
    """The address, of who shows neither a key nor a session. What a client says of itself, such as `X-Forwarded-For`, does not
    count, unless the server was told to trust who passes it on.
    """
    return _party_of_address(address, LimitSettings.current().of_address)


def tenant_limits(of_its_own: Limits) -> Limits:
    """The limits of a tenant that has these of its own."""
    return _over(of_its_own, LimitSettings.current().of_tenant)


def key_limits(of_its_own: Limits) -> Limits:
    """The limits of a key that has these of its own."""
    return _over(of_its_own, LimitSettings.current().of_key)


def member_limits(of_their_own: Limits) -> Limits:
    """The limits of a person who has these of their own as a member of a tenant."""
    return _over(of_their_own, LimitSettings.current().of_user)


def _tenant_of_user(user_id: int, where: Whereabouts | None) -> UUID | None:
    """Only one that the person belongs to: nobody uses up what others may."""
    mine = list(Membership.objects.filter(user=user_id).values_list("tenant", flat=True)[:1000])
    if where is None:
        return mine[0] if len(mine) == 1 else None
    model = apps.get_model(where.model)
    try:
        tenant_id: UUID | None = (
            model._default_manager.filter(pk=where.pk).values_list(where.tenant_field, flat=True).first()
        )
    except (ValidationError, ValueError):
        return None
    return tenant_id if tenant_id in mine else None


def _over(own: Limits, told: str) -> Limits:
    """Those of its own, and the installation's where there is none."""
    return MappingProxyType({**limits_read(told), **own})


def _limited(*parties: Party) -> tuple[Party, ...]:
    return tuple(one for one in parties if one.limits)
