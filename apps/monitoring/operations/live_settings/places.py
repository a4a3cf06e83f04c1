"""Where somebody may change settings while the system runs: the installation, tenants, and knowledge bases of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.documents.models import KnowledgeBase
from apps.monitoring.rows import mine
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.gateway.members import is_superuser
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import AnyUser, knowledge_bases_where, may_somewhere, tenants_where

OWNS = "documents.add_grant"
"""What owners may, who say who reads what; also those whose role a grant gives them in one knowledge base."""

MOST = 200
"""Tenants, and knowledge bases, that are offered."""


@dataclass(frozen=True, slots=True)
class PlaceOffered:
    """A place by its name; `key` is what the address calls it."""

    place: Place
    name: str

    @property
    def key(self) -> str:
        return self.place.level.value if self.place == INSTALLATION else str(self.place.id)


def may_change_settings(user: AnyUser) -> bool:
    """Whether there is a place where the user may."""
    return is_superuser(user) or may_somewhere(user, OWNS) or bool(knowledge_bases_where(user, OWNS))


def places_offered(request: HttpRequest) -> list[PlaceOffered]:
    """Where the user may, the widest first."""
    return list(_offered(request))


def place_wanted(request: HttpRequest, offered: list[PlaceOffered]) -> PlaceOffered:
    """The one that the address names, or the first.

    Raises:
        PermissionDenied: it is none of them.
    """
    wanted = request.GET.get("place", "")
    found = next((one for one in offered if not wanted or one.key == wanted), None)
    if found is None:
        raise PermissionDenied
    return found


def _offered(request: HttpRequest) -> Iterator[PlaceOffered]:
    user = request.user
    if is_superuser(user):
        yield PlaceOffered(INSTALLATION, _("The installation"))
    owned = tenants_where(user, OWNS)
    tenants = dict(Tenant.objects.filter(pk__in=owned).order_by("name").values_list("pk", "name")[:MOST])
    yield from (PlaceOffered(Place(pk), _("Tenant %(name)s") % {"name": name}) for pk, name in tenants.items())
    where = Q(tenant__in=owned) | Q(pk__in=knowledge_bases_where(user, OWNS))
    bases = mine(request, KnowledgeBase.objects.filter(where, deleted_at=None)).order_by("name", "pk")
    for base in bases[:MOST]:
        yield PlaceOffered(Place.of_base(base), _("Knowledge base %(name)s") % {"name": base.name})
