"""People of a flag's rule, as a form names them: users by their names, API keys by their ids."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from ragsite.core.dynamic.places import Place
from ragsite.core.errors import NotFoundError


def people_read(said: str, place: Place) -> list[str]:
    """The ids of those that are named with commas.

    Raises:
        NotFoundError: there is nobody of a name there.
    """
    named = [one.strip() for one in said.split(",") if one.strip()]
    users = dict(_users(place).filter(username__in=named).values_list("username", "pk"))
    if unknown := next((one for one in named if one not in users and not _is_key(one)), ""):
        raise NotFoundError(f"There is no user {unknown!r}.", action="Give names of users, or ids of API keys.")
    return [str(users.get(one, one)) for one in named]


def people_named(people: Collection[str], place: Place) -> str:
    """The same, back again."""
    ids = [int(one) for one in people if one.isdecimal()]
    names = (
        {str(pk): name for pk, name in _users(place).filter(pk__in=ids).values_list("pk", "username")} if ids else {}
    )
    return ", ".join(names.get(one, one) for one in people)


def _users(place: Place) -> QuerySet[User]:
    """Of a tenant its members: who owns one is not told who else there is."""
    users = User.objects.all()
    return users if place.tenant_id is None else users.filter(memberships__tenant=place.tenant_id)


def _is_key(said: str) -> bool:
    try:
        UUID(said)
    except ValueError:
        return False
    return True
