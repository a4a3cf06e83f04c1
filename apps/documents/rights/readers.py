"""Who can see a knowledge base or a document, and why: everybody one by one, for those who decide on that.

People read by their membership of the tenant, by a grant to them or to one of their groups, or because they administer
documents; keys by being the tenant's, or by a grant. Operators read by a grant on the knowledge base alone, and keys that may
neither read nor ask see nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.models import Permission as UserPermission
from django.db.models import CharField, F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext

from apps.documents.models import Document, Grant, KnowledgeBase, Visibility
from apps.documents.rights.grants import Resource
from ragsite.gateway.models import ApiKey, Membership, Permission, Role

USER, KEY = "user", "api_key"
READING_ROLES = (Role.READER, Role.EDITOR, Role.OWNER)
ADMINISTERING = ("view_document", "change_document")
"""Who was given one of these in Django sees all documents of their tenants in the admin."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody reads it, in words: `tenant` (everybody of it may), `grant`, `administers` or `superuser`."""

    code: str
    text: str
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A person by the name to sign in with, or an API key, and all reasons."""

    kind: str
    id: str
    name: str
    reasons: tuple[Reason, ...]


def readers_of_resource(resource: Resource) -> Any:
    """Who can see it, by kind and name, as rows for `readers_explained`; people and keys in one query."""
    people = _named(_people(resource), USER, "username")
    keys = _named(_keys(resource), KEY, "name")
    return people.union(keys, all=True).order_by("-kind", "called", "key")


def _named(rows: Any, kind: str, name: str) -> Any:
    told = {"kind": Value(kind, CharField()), "key": Cast("pk", TextField()), "called": F(name)}
    return rows.order_by().annotate(**told).values_list("kind", "called", "key")


def readers_explained(resource: Resource, rows: Iterable[tuple[str, str, str]]) -> list[Reader]:
    """These with their reasons, in a constant number of queries."""
    found = list(rows)
    told = {
        USER: _reasons_of_people(resource, {int(pk) for kind, _, pk in found if kind == USER}),
        KEY: _reasons_of_keys(resource, {pk for kind, _, pk in found if kind == KEY}),
    }
    return [Reader(kind, pk, name, tuple(told[kind][pk])) for kind, name, pk in found]


def _people(resource: Resource) -> QuerySet[User]:
    grants = _grants(resource)
    of_tenant = User.objects.filter(memberships__tenant=resource.tenant_id, memberships__role__in=READING_ROLES)
    operators = User.objects.filter(memberships__tenant=resource.tenant_id, memberships__role=Role.OPERATOR)
    on_base = _granted(grants.filter(document=None))
    by_grant = Q(pk__in=of_tenant.values("pk")) & _granted(grants) | Q(pk__in=operators.values("pk")) & on_base
    members = User.objects.filter(memberships__tenant=resource.tenant_id)
    administering = Q(pk__in=_administering().values("pk")) & Q(pk__in=members.values("pk"))
    open_to_all = Q(pk__in=of_tenant.values("pk")) if _is_open(resource) else Q(pk=None)
    if isinstance(resource, Document) and resource.restricted:
        # An operator needs both: the document to be granted, and to be let read its knowledge base.
        let_in = _granted(Grant.objects.filter(knowledge_base=resource.knowledge_base_id))
        by_grant = (Q(pk__in=of_tenant.values("pk")) | Q(pk__in=operators.values("pk")) & let_in) & _granted(grants)
    return User.objects.filter(by_grant | administering | open_to_all | Q(is_superuser=True), is_active=True)


def _keys(resource: Resource) -> QuerySet[ApiKey]:
    valid = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now()))
    keys = ApiKey.objects.filter(valid, tenant=resource.tenant_id)
    reading = keys.filter(permissions__overlap=[Permission.READ.value, Permission.QUERY.value])
    if _is_open(resource):
        return reading
    return reading.filter(pk__in=_grants(resource).exclude(api_key=None).values("api_key"))


def _grants(resource: Resource) -> QuerySet[Grant]:
    """The grants that let somebody read it."""
    if isinstance(resource, KnowledgeBase):
        return Grant.objects.filter(knowledge_base=resource)
    on_base = Q(pk=None) if resource.restricted else Q(knowledge_base=resource.knowledge_base_id)
    return Grant.objects.filter(Q(document=resource) | on_base)


def _granted(grants: QuerySet[Grant]) -> Q:
    groups = User.groups.through.objects.filter(group__in=grants.exclude(group=None).values("group"))
    return Q(pk__in=grants.exclude(user=None).values("user")) | Q(pk__in=groups.values("user"))


def _administering() -> QuerySet[User]:
    given = UserPermission.objects.filter(content_type__app_label="documents", codename__in=ADMINISTERING)
    groups = Group.objects.filter(permissions__in=given)
    return User.objects.filter(Q(user_permissions__in=given) | Q(groups__in=groups))


def _is_open(resource: Resource) -> bool:
    """Whether everybody of the tenant reads it."""
    if isinstance(resource, KnowledgeBase):
        return resource.visibility == Visibility.TENANT
    return not resource.restricted and resource.knowledge_base.visibility == Visibility.TENANT


def _reasons_of_people(resource: Resource, people: Collection[int]) -> dict[str, list[Reason]]:
    roles = dict(Membership.objects.filter(user__in=people, tenant=resource.tenant_id).values_list("user", "role"))
    groups: dict[int, set[int]] = {}
    for user_id, group_id in User.groups.through.objects.filter(user__in=people).values_list("user", "group"):
        groups.setdefault(user_id, set()).add(group_id)
    to = Q(user__in=people) | Q(group__in=set().union(*groups.values()))
    grants = list(_grants(resource).filter(to).select_related("user", "group", "api_key").order_by("id"))
    supers = set(User.objects.filter(pk__in=people, is_superuser=True).values_list("pk", flat=True))
    administering = set(_administering().filter(pk__in=people).values_list("pk", flat=True))
    return {
        str(pk): [
            *_everybody(resource, roles.get(pk)),
            *_by_grants(one for one in grants if one.user_id == pk or one.group_id in groups.get(pk, ())),
            *([Reason("administers", gettext("was given permissions on documents in the admin"))] if pk in administering else ()),
            *([Reason("superuser", gettext("is a superuser"))] if pk in supers else ()),
        ]
        for pk in people
    }  # fmt: skip


def _reasons_of_keys(resource: Resource, keys: Collection[str]) -> dict[str, list[Reason]]:
    grants = _grants(resource).filter(api_key__in=keys).select_related("user", "group", "api_key").order_by("id")
    by_key: dict[str, list[Grant]] = {}
    for grant in grants:
        by_key.setdefault(str(grant.api_key_id), []).append(grant)
    everybody = list(_everybody(resource, Role.READER))
    return {pk: [*everybody, *_by_grants(by_key.get(pk, ()))] for pk in keys}


def _everybody(resource: Resource, role: str | None) -> Iterator[Reason]:
    if role in READING_ROLES and _is_open(resource):
        yield Reason("tenant", gettext("everybody of %(tenant)s may") % {"tenant": resource.tenant})


def _by_grants(grants: Iterable[Grant]) -> Iterator[Reason]:
    for grant in grants:
        said = {"subject": grant.subject_text, "by": grant.granted_by}
        yield Reason("grant", gettext("of a grant to %(subject)s, by %(by)s") % said, grant)
