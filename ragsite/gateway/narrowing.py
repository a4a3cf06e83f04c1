"""The knowledge bases that a key may be for. Who holds them registers here how they are found: the gateway has none itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ragsite.core.errors import NotFoundError
from ragsite.gateway.roles import AnyUser

OFFERED = 200
"""Knowledge bases that one form offers to choose from."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The rows, which have `pk`, `tenant` and `name`: those that are there of a tenant, and those that a user may read."""

    of_tenant: Callable[[UUID], QuerySet[Any]]
    read_by: Callable[[AnyUser], QuerySet[Any]]


_registered: list[Finding] = []


def knowledge_bases_found_by(finding: Finding) -> None:
    """Say how they are found; the last one that did counts."""
    _registered[:] = [finding]


def knowledge_bases_offered(user: AnyUser, *, tenants: Collection[UUID]) -> list[Any]:
    """Those that a user may make a key for, of these tenants: those that the user reads."""
    rows = _registered[0].read_by(user).filter(tenant__in=tenants).select_related("tenant")
    return list(rows.order_by("tenant__name", "name")[:OFFERED])


def knowledge_bases_named(names: Sequence[str], *, tenant_id: UUID) -> frozenset[UUID]:
    """The ids of a tenant's knowledge bases by their names or ids.

    Raises:
        NotFoundError: there is none of a name.
    """
    rows = _registered[0].of_tenant(tenant_id)
    found = dict(rows.filter(name__in=names).values_list("name", "pk"))
    by_id = [wanted for name in names if name not in found and (wanted := _id_of(name))]
    found |= {str(pk): pk for pk in rows.filter(pk__in=by_id).values_list("pk", flat=True)}
    missing = [name for name in names if name not in found and str(_id_of(name)) not in found]
    if missing:
        raise NotFoundError(f"There is no knowledge base {', '.join(map(repr, missing))} in this tenant.")
    return frozenset(found.values())


def names_seen(ids: Collection[UUID], *, by: AnyUser) -> list[str]:
    """The names of those of them that the user may read."""
    return list(_registered[0].read_by(by).filter(pk__in=ids).order_by("name").values_list("name", flat=True))


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
