"""The entries of the audit log that activity is told from, as far as somebody may see them, in a constant number of queries.

Each question has an index, so it takes as long for millions of entries as for a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, StageRecord
from apps.monitoring.operations.act_sentences import Names, payload_of
from apps.monitoring.operations.acts import (
    FORMS,
    KINDS,
    OF_ASKING,
    Act,
    act_of_entry,
    act_of_version,
    merged,
)
from apps.monitoring.rows import mine
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import Query
from ragsite.core.admin.base import row_url
from ragsite.core.audit.models import AuditEntry
from ragsite.gateway.auditing.finding import EntryFilters, entries_found
from ragsite.gateway.members import is_superuser
from ragsite.gateway.models import ApiKey
from ragsite.gateway.roles import looks_by_role, tenants_where

SHOWN = 50


@dataclass(frozen=True, slots=True)
class ActFilters:
    """What is asked for; empty for anything. `since` and `last` are days, `before` is where the page goes on."""

    kind: str = ""
    person: str = ""
    knowledge_base: str = ""
    object: str = ""
    request: str = ""
    since: datetime | None = None
    last: datetime | None = None
    before: UUID | None = None

    @property
    def query(self) -> str:
        """As an address has them, without the place in the list."""
        said = {"kind": self.kind, "person": self.person, "knowledge_base": self.knowledge_base}
        said |= {"object": self.object, "request": self.request}
        days = {"since": self.since, "last": self.last}
        said |= {name: f"{day:%Y-%m-%d}" if day else "" for name, day in days.items()}
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def wanted(self) -> EntryFilters:
        """As the audit log is asked."""
        return EntryFilters(
            actions=KINDS[self.kind][1] if self.kind else (),
            actor=self.person,
            object_id=self.object,
            request_id=self.request,
            knowledge_base_id=self.knowledge_base,
            since=self.since,
            until=self.last + timedelta(days=1) if self.last else None,
            before=self.before,
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """Since when something is kept, and when it was last verified, and whether it was whole; None where it never was."""

    since: datetime | None
    verified_at: datetime | None = None
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class ActPage:
    """Acts, the newest first, and after which entry the next page begins; None for the last one."""

    acts: Sequence[Act]
    older: UUID | None


def acts(request: HttpRequest, filters: ActFilters, *, permission: str) -> ActPage:
    """What was done in the tenants where the user has that permission; for a superuser in the installation, too."""
    found = list(entries_found(_visible(request, permission), filters.wanted)[: SHOWN + 1])
    shown = found[:SHOWN]
    return ActPage(_told(request, shown), shown[-1].pk if len(found) > SHOWN else None)


def reach(request: HttpRequest, *, permission: str) -> Reach:
    """How far back goes what the user sees, and when it was last verified."""
    seen = _visible(request, permission)
    first = seen.order_by("id").values_list("at", flat=True).first()
    verified = seen.filter(action="audit.verified").order_by("-id").first()
    return Reach(first, verified.at, verified.outcome == "success") if verified else Reach(first)


def _visible(request: HttpRequest, permission: str) -> QuerySet[AuditEntry]:
    """All for a superuser. By a role alone nobody is told what others asked: what they were shown is told without it."""
    if is_superuser(request.user):
        return AuditEntry.objects.all()
    of_others = Q(action__in=OF_ASKING) & ~Q(actor_kind="user", actor_id=str(request.user.pk))
    rule = ~of_others if looks_by_role(request.user, Query) else Q()
    return AuditEntry.objects.filter(rule, tenant_id__in=list(tenants_where(request.user, permission)))


def _told(request: HttpRequest, entries: Sequence[AuditEntry]) -> list[Act]:
    names = names_of(request, entries)
    forms = [act_of_entry(one, names) for one in entries if one.action in FORMS]
    return merged([act_of_entry(one, names) for one in entries if one.action not in FORMS], forms)


def names_of(request: HttpRequest, entries: Sequence[AuditEntry]) -> Names:
    """What the entries are about, by name, as far as the user may see it."""
    payloads = [payload_of(one) for one in entries]

    def said(field: str) -> set[str]:
        return {str(one[field]) for one in payloads if one.get(field) is not None}

    users = User.objects.filter(pk__in=said("user_id")).values_list("pk", "username")
    groups = Group.objects.filter(pk__in=said("group_id")).values_list("pk", "name")
    keys = ApiKey.objects.filter(pk__in=said("api_key_id")).values_list("pk", "name")
    return Names(
        documents=_documents(request, said("document_id")),
        knowledge_bases=_knowledge_bases(request, said("knowledge_base_id")),
        users={str(pk): name for pk, name in users},
        groups={str(pk): name for pk, name in groups},
        keys={str(pk): name for pk, name in keys},
        query_url=lambda query_id: reverse("admin:retrieval_query_change", args=[query_id]),
    )


def _documents(request: HttpRequest, wanted: set[str]) -> dict[str, tuple[str, str]]:
    """Those there are by their name. One that is gone is named by the entry of its upload, for who sees all documents."""
    there = mine(request, Document.objects.filter(pk__in=wanted))
    found = {str(row.pk): (row.name, row_url(row)) for row in there}
    missing = wanted - found.keys()
    if missing and not looks_by_role(request.user, Document):
        told = mine(request, AuditEntry.objects.filter(action="document.created"), path="tenant_id")
        of_missing = told.filter(object_id__in=missing).order_by().values_list("object_id", "object_name")
        found |= {key: (title, "") for key, title in of_missing if title}
    return found


def _knowledge_bases(request: HttpRequest, wanted: set[str]) -> dict[str, tuple[str, str]]:
    rows = mine(request, KnowledgeBase.objects.filter(pk__in=wanted))
    return {str(row.pk): (row.name, "" if row.deleted_at else workspace_url(row)) for row in rows}


def document_acts(request: HttpRequest, document: Document) -> list[Act]:
    """What was done with a document: its versions for as long as they are there, and what records still tell."""
    asked = StageRecord.objects.filter(version=OuterRef("pk"), actor__isnull=False).order_by("pk").values("actor")[:1]
    versions = (
        DocumentVersion.objects.filter(document=document).annotate(first_actor=Subquery(asked)).order_by("-number")
    )
    told = [act_of_version(one, one.first_actor or one.actor) for one in versions[:SHOWN]]
    return _of_row(request, document, told, besides="document.created")


def knowledge_base_acts(request: HttpRequest, base: KnowledgeBase) -> list[Act]:
    """What was done with a knowledge base itself."""
    return _of_row(request, base, [])


def _of_row(request: HttpRequest, row: Model, more: Sequence[Act], *, besides: str = "") -> list[Act]:
    found = AuditEntry.objects.filter(object_id=str(row.pk)).exclude(action=besides).order_by("-id")
    return sorted([*_told(request, list(found[:SHOWN])), *more], key=lambda act: act.at, reverse=True)
