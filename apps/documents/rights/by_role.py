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
from ragsite.gateway.roles import AnyUser, narrowed_by, permissions_held, tenants_where

MANAGES = "documents.add_grant"
"""Who may do this in a tenant decides on who reads its knowledge bases, and sees those that nobody let them read too."""


def rules_register() -> None:
    """Say what of each model a role shows, and which knowledge bases a key may be for."""
    knowledge_bases_found_by(Finding(of_tenant=_living, read_by=knowledge_bases_readable_by))
    narrowed_by(_knowledge_bases, [KnowledgeBase])
    narrowed_by(_documents, [Document])
    narrowed_by(_versions, [DocumentVersion])
    narrowed_by(_of_versions, [Chunk, ParsedText, StageRecord])
    narrowed_by(_grants, [Grant])
    narrowed_by(_deletions, [KnowledgeBaseDeletion])


def _living(tenant_id: UUID) -> QuerySet[KnowledgeBase]:
    return KnowledgeBase.objects.filter(tenant_id=tenant_id, deleted_at=None)


def _knowledge_bases(rows: QuerySet[Any], user: AnyUser) -> QuerySet[Any]:
    return rows.filter(
        Q(pk__in=knowledge_bases_readable_by(user).values("pk")) | Q(tenant__in=tenants_where(user, MANAGES))
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
    """All for who was given knowledge bases to view: their page shows them too."""
    if "documents.view_knowledgebase" in permissions_held(user):
        return rows
    return rows.filter(knowledge_base__tenant__in=tenants_where(user, MANAGES))
