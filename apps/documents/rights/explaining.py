"""Why somebody may read a knowledge base, and who could be let in, for the people who decide on that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext

from apps.documents.models import Document, Grant, KnowledgeBase, Visibility
from apps.documents.rights.access import documents_readable_by, knowledge_bases_visible
from apps.documents.rights.grants import Subject
from apps.documents.rights.readers import READING_ROLES
from ragsite.gateway.errors import PermissionDeniedError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import permitted, principal_of_user
from ragsite.gateway.models import ApiKey, Membership, Permission

MOST_FOUND = 8
"""People, groups and keys that a search shows of each."""
MOST_COUNTED = 1_000
"""Up to here members and documents are counted; a page need not know of how many more."""
MOST_LISTED = 50
"""Granted documents of one person that are named."""
SHOWN_GRANTS = 5
"""Of one document, in a list of several."""
KINDS: dict[str, Any] = {"user": User, "group": Group, "api_key": ApiKey}


@dataclass(frozen=True, slots=True)
class Capped:
    """A count that stops at `MOST_COUNTED`."""

    number: int

    def __str__(self) -> str:
        return f"more than {MOST_COUNTED:,}" if self.number > MOST_COUNTED else f"{self.number:,}"


@dataclass(frozen=True, slots=True)
class Readers:
    """How many people and API keys belong to the tenant, and how many of them have a grant on the knowledge base."""

    members: Capped
    keys: Capped
    granted: Capped
    granted_keys: Capped


@dataclass(frozen=True, slots=True)
class GrantedDocument:
    """A restricted document that somebody may read, and by which grants; the title is empty where it is not to be shown."""

    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """What a person may read of a knowledge base.

    `is_reader` tells whether all that is not restricted may be read, for these `reasons`. Of the restricted documents those
    `granted` are listed, up to a bound; `hidden` more are closed to the person.
    """

    is_reader: bool
    reasons: tuple[str, ...]
    plain: Capped
    granted: tuple[GrantedDocument, ...]
    hidden: Capped


def readers_of(knowledge_base: KnowledgeBase) -> Readers:
    """The figures of who reads it, in four queries."""
    reading = {"memberships__tenant": knowledge_base.tenant_id, "memberships__role__in": READING_ROLES}
    members = User.objects.filter(**reading, is_active=True)
    grants = knowledge_base.grants.all()
    groups = Group.objects.filter(pk__in=grants.exclude(group=None).values("group"))
    granted = members.filter(Q(pk__in=grants.exclude(user=None).values("user")) | Q(groups__in=groups)).distinct()
    keys = ApiKey.objects.filter(tenant=knowledge_base.tenant_id, revoked_at=None)
    granted_keys = keys.filter(pk__in=grants.exclude(api_key=None).values("api_key"))
    return Readers(capped(members), capped(keys), capped(granted), capped(granted_keys))


def capped(rows: QuerySet[Any]) -> Capped:
    """How many rows there are; no more than the bound are read."""
    return Capped(rows.order_by()[: MOST_COUNTED + 1].count())


def subjects_found(tenant_id: UUID, text: str) -> dict[str, list[Subject]]:
    """The tenant's people, groups and valid keys whose name has the text in it, by kind; an empty text finds none."""
    if not text:
        return {kind: [] for kind in KINDS}
    people = members_found(tenant_id, text)
    groups = Group.objects.filter(name__icontains=text, user__memberships__tenant=tenant_id).distinct().order_by("name")
    keys = ApiKey.objects.filter(tenant=tenant_id, revoked_at=None, name__icontains=text).order_by("name")
    return {"user": people, "group": list(groups[:MOST_FOUND]), "api_key": list(keys[:MOST_FOUND])}


def members_found(tenant_id: UUID, text: str) -> list[Any]:
    """Active members of the tenant by a part of their name or address."""
    names = ("username", "first_name", "last_name", "email")
    named = Q()
    for name in names:
        named |= Q(**{f"{name}__icontains": text})
    return list(
        User.objects.filter(named, memberships__tenant=tenant_id, is_active=True).order_by("username")[:MOST_FOUND]
    )


def subject_of_tenant(tenant_id: UUID, kind: str, id_: str) -> Subject | None:
    """The person, group or key of that id, if it is of the tenant."""
    if kind not in KINDS or len(id_) > 40:
        return None
    of_tenant: dict[str, Q] = {
        "user": Q(memberships__tenant=tenant_id, is_active=True),
        "group": Q(user__memberships__tenant=tenant_id),
        "api_key": Q(tenant=tenant_id, revoked_at=None),
    }
    try:
        found: Subject | None = KINDS[kind]._default_manager.filter(of_tenant[kind], pk=id_).first()
    except (ValueError, ValidationError):
        return None
    return found


def restricted_documents(knowledge_base: KnowledgeBase) -> QuerySet[Document]:
    """Its restricted documents, each with its first grants as `first_grants`, one more than `SHOWN_GRANTS`."""
    grants = Grant.objects.select_related("user", "group", "api_key").order_by("id")[: SHOWN_GRANTS + 1]
    rows = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None, restricted=True)
    return rows.prefetch_related(Prefetch("grants", grants, to_attr="first_grants")).order_by("-id")


def readable_ids(user: Any, documents: Iterable[Document]) -> frozenset[UUID]:
    """Those of the documents that the user may read, and so see the titles of."""
    wanted = [document.pk for document in documents]
    return frozenset(documents_readable_by(user).filter(pk__in=wanted).values_list("pk", flat=True))


def reading_explained(person: User, knowledge_base: KnowledgeBase, *, asked_by: Any) -> Explained:
    """What the person, a member of its tenant, may read of it and why; titles only as far as who asks may read them."""
    principal = principal_of_user(person, tenant_id=knowledge_base.tenant_id)
    is_reader = (
        _reads_by_role(principal, knowledge_base)
        and knowledge_bases_visible(principal).filter(pk=knowledge_base.pk).exists()
    )
    mine = Grant.objects.filter(Q(user=person) | Q(group__in=principal.group_ids)).select_related(
        "user", "group", "api_key"
    )
    documents = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None)
    granted = list(
        documents.filter(restricted=True, pk__in=mine.exclude(document=None).values("document"))
        .prefetch_related(Prefetch("grants", mine))
        .order_by("-id")[:MOST_LISTED]
    )
    shown = readable_ids(asked_by, granted)
    closed = documents.filter(restricted=True).exclude(pk__in=mine.exclude(document=None).values("document"))
    return Explained(
        is_reader=is_reader,
        reasons=_reasons(
            knowledge_base, mine.filter(knowledge_base=knowledge_base), by_role="read" in principal.permissions
        ),
        plain=capped(documents.filter(restricted=False)) if is_reader else Capped(0),
        granted=tuple(
            GrantedDocument(one.name if one.pk in shown else "", tuple(grant.subject_text for grant in one.grants.all()))
            for one in granted
        ),
        hidden=capped(closed),
    )  # fmt: skip


def _reads_by_role(principal: Principal, knowledge_base: KnowledgeBase) -> bool:
    """Whether the person's role, or that of a grant on it, is one that reads: an operator's is not."""
    try:
        narrowed = permitted(principal, Permission.READ)
    except PermissionDeniedError:
        return False
    return narrowed.knowledge_base_ids is None or knowledge_base.pk in narrowed.knowledge_base_ids


def _reasons(knowledge_base: KnowledgeBase, grants: Iterable[Grant], *, by_role: bool) -> tuple[str, ...]:
    everybody = [gettext("everybody of %(tenant)s may") % {"tenant": knowledge_base.tenant}]
    granted = [
        gettext("of a grant to %(subject)s, by %(by)s") % {"subject": grant.subject_text, "by": grant.granted_by}
        for grant in grants
    ]
    return (*(everybody if by_role and knowledge_base.visibility == Visibility.TENANT else ()), *granted)


def role_of(person: User, knowledge_base: KnowledgeBase) -> str:
    """What the person is in its tenant, in words; empty for who is no member."""
    membership = Membership.objects.filter(user=person, tenant=knowledge_base.tenant_id).first()
    return membership.get_role_display() if membership else ""
