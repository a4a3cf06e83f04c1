"""Users, groups and keys that an export names, and who they are here: told by name, and never somebody else.

A user is the one of the same name, unless both have an e-mail address and it is another one. Who is not here, or not of the
tenant, gets nothing: it is told what was left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import Group, User

from apps.documents.models import Grant
from apps.retrieval.models import Conversation, Query
from ragsite.core.actors import Actor
from ragsite.gateway.members import member_add
from ragsite.gateway.models import ApiKey, Membership, Role, Tenant
from ragsite.transfers.tables import BY_MODEL, Scope

AT_ONCE = 1_000


class Kind(StrEnum):
    USER = "user"
    GROUP = "group"
    KEY = "key"


COLUMNS = ["kind", "id", "name", "email", "role"]


@dataclass(frozen=True, slots=True)
class Person:
    """A user, group or key, by its id there. `role` is the user's in the tenant, of an export of all of it."""

    kind: Kind
    id: str
    name: str
    email: str = ""
    role: str = ""

    @property
    def key(self) -> tuple[Kind, str]:
        return self.kind, self.id

    @property
    def text(self) -> str:
        """For people: `user anna`."""
        return f"{'API key' if self.kind is Kind.KEY else self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class People:
    """Who they are here: ids of users and groups by those there; and why each of the others is nobody."""

    here: dict[tuple[Kind, str], int] = field(default_factory=dict)
    nobody: dict[tuple[Kind, str], str] = field(default_factory=dict)

    def user(self, old: object) -> int | None:
        """The user here who had that id there."""
        return None if old is None else self.here.get((Kind.USER, str(old)))


def people_of(scope: Scope) -> Iterator[Person]:
    """All that rows of the scope name, and the members of a tenant that is exported as a whole."""
    roles = dict(Membership.objects.filter(tenant=scope.tenant).values_list("user", "role")) if scope.is_whole else {}
    grants = BY_MODEL[Grant].rows(scope).order_by()
    users = {one for one in grants.values_list("user", flat=True) if one} | set(roles)
    for model in (Query, Conversation):
        users |= set(BY_MODEL[model].rows(scope).order_by().exclude(user=None).values_list("user", flat=True))
    for pk, name, email in User.objects.filter(pk__in=users).order_by("pk").values_list("pk", "username", "email"):
        yield Person(Kind.USER, str(pk), name, email, roles.get(pk, ""))
    groups, keys = (grants.exclude(**{one: None}).values(one) for one in ("group", "api_key"))
    for pk, name in Group.objects.filter(pk__in=groups).order_by("pk").values_list("pk", "name"):
        yield Person(Kind.GROUP, str(pk), name)
    for key, name in ApiKey.objects.filter(pk__in=keys).order_by("pk").values_list("pk", "name"):
        yield Person(Kind.KEY, str(key), name)


def person_row(person: Person) -> dict[str, Any]:
    return asdict(person)


def people_found(people: Collection[Person], *, tenant: Tenant, is_new: bool, actor: Actor) -> People:
    """Who they are here, as members of the tenant; a new one gets those as members who are here and were that there.

    An export makes nobody a member of a tenant that was there: what else is in it is not the export's to give.
    """
    found = People()
    for person in people:
        if person.kind is Kind.KEY:
            found.nobody[person.key] = "API keys stay behind"
    _users_find(found, [one for one in people if one.kind is Kind.USER], tenant if is_new else None, actor)
    members = dict.fromkeys(Membership.objects.filter(tenant=tenant).values_list("user", flat=True))
    supers = set(User.objects.filter(is_superuser=True).values_list("pk", flat=True))
    for key, pk in list(found.here.items()):
        if pk not in members and pk not in supers:
            del found.here[key]
            found.nobody[key] = "is no member of the tenant"
    _groups_find(found, [one for one in people if one.kind is Kind.GROUP], tenant)
    return found


def _users_find(found: People, users: list[Person], joined: Tenant | None, actor: Actor) -> None:
    for some in _batches(users):
        there = {user.username: user for user in User.objects.filter(username__in=[one.name for one in some])}
        for person in some:
            user = there.get(person.name)
            if user is None:
                found.nobody[person.key] = "is not here"
            elif person.email and user.email and person.email.casefold() != user.email.casefold():
                found.nobody[person.key] = "has another e-mail address here"
            else:
                found.here[person.key] = user.pk
                if joined is not None and person.role:
                    member_add(user=user, tenant=joined, role=Role(person.role), actor=actor)


def _groups_find(found: People, groups: list[Person], tenant: Tenant) -> None:
    for some in _batches(groups):
        there = dict(Group.objects.filter(name__in=[one.name for one in some]).values_list("name", "pk"))
        of_tenant = User.objects.filter(memberships__tenant=tenant, groups__in=there.values())
        peopled = set(of_tenant.order_by().values_list("groups", flat=True))
        for person in some:
            pk = there.get(person.name)
            if pk is None:
                found.nobody[person.key] = "is not here"
            elif pk not in peopled:
                found.nobody[person.key] = "has no member of the tenant in it"
            else:
                found.here[person.key] = pk


def _batches(people: list[Person]) -> Iterable[list[Person]]:
    return (people[start : start + AT_ONCE] for start in range(0, len(people), AT_ONCE))
