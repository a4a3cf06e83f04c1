"""What members see in the admin by their role alone: what they may read, as over REST, and owners what they manage.

Registered when the app starts; `ragsite.gateway.members.rows_of_tenants` applies it wherever rows are looked at.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.documents.models import (
    Chunk,
    Document,
    DocumentVersion,
    Grant,
    KnowledgeBase,
    KnowledgeBaseDeletion,
    ParsedText,
    StageRecord,
)
from apps.documents.rights.access import documents_readable_by, knowledge_bases_readable_by, readable_by
from ragsite.gateway.narrowing import Finding, knowledge_bases_found_by
from ragsite.gateway.roles import AnyUser, narrowed_by, permissions_held, places_register, tenants_where

MANAGES = "documents.add_grant"
"""Who may do this in a tenant decides on who reads its knowledge bases, and sees those that nobody let them read too."""

OPERATES = "core.view_workerpresence"
"""Who may do this in a tenant looks after its work, and sees all knowledge bases that are re-indexed."""


def rules_register() -> None:
    """Say what of each model a role shows, and which knowledge bases a key may be for."""
    knowledge_bases_found_by(Finding(of_tenant=_living, read_by=knowledge_bases_readable_by))
    narrowed_by(_knowledge_bases, [KnowledgeBase])
    narrowed_by(_documents, [Document])
    narrowed_by(_versions, [DocumentVersion])
    narrowed_by(_of_versions, [Chunk, ParsedText, StageRecord])
    narrowed_by(_grants, [Grant])
    narrowed_by(_deletions, [KnowledgeBaseDeletion])
    places_register(roles=_roles_granted, base=_knowledge_base_of)


def _roles_granted(user_id: int) -> dict[UUID, set[str]]:
    """By grants on knowledge bases to the user and to the groups of the user."""
    to = Q(user=user_id) | Q(group__user=user_id)
    found: dict[UUID, set[str]] = {}
    for pk, role in Grant.objects.filter(to, knowledge_base__isnull=False).values_list("knowledge_base", "role"):
        found.setdefault(pk, set()).add(role)
    return found


def _knowledge_base_of(row: Any) -> UUID | None:
    """Of what is in a knowledge base; the rows on the way to it are looked up where they are not there yet."""
    match row:
        case KnowledgeBase():
            return row.pk
        case DocumentVersion():
            return row.document.knowledge_base_id
        case Chunk() | ParsedText() | StageRecord():
            return row.version.document.knowledge_base_id
    found: UUID | None = getattr(row, "knowledge_base_id", None)
    return found


def _living(tenant_id: UUID) -> QuerySet[KnowledgeBase]:
    return KnowledgeBase.objects.filter(tenant_id=tenant_id, deleted_at=None)


def _knowledge_bases(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    return rows.filter(
        Q(pk__in=knowledge_bases_readable_by(user).values("pk")) | Q(tenant__in=tenants_where(user, MANAGES, OPERATES))
    )


def _documents(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    return rows.filter(readable_by(user))


def _versions(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    return rows.filter(readable_by(user, at="document__"))


def _of_versions(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    return rows.filter(readable_by(user, at="version__document__"))


def _grants(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    """Not those on documents that the user may not read: the list names them. The workspace tells of them without names."""
    return rows.filter(Q(document=None) | Q(document__in=documents_readable_by(user).values("pk")))


def _deletions(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    """All for who was given knowledge bases to view: their page shows them too. Else for owners and operators."""
    if "documents.view_knowledgebase" in permissions_held(user):
        return rows
    return rows.filter(knowledge_base__tenant__in=tenants_where(user, MANAGES, OPERATES))
