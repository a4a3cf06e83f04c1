"""The rows that activity is told from, as far as somebody may see them, in a constant number of queries.

Events have no index by tenant, person or object: they are looked for among the newest, which bounds every question.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Min, Model, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, StageRecord
from apps.monitoring.operations.acts import (
    KINDS,
    Act,
    Names,
    act_of_event,
    act_of_log,
    act_of_version,
    merged,
)
from apps.monitoring.rows import mine
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import EvaluationSet, Query
from ragsite.core.admin.base import row_url
from ragsite.core.models import OutboxEvent
from ragsite.gateway.members import is_superuser, rows_of_tenants
from ragsite.gateway.models import ApiKey, Membership, Tenant
from ragsite.gateway.roles import looking, looks_by_role, may_somewhere, tenants_where

RECENT = 20_000
"""Events that are looked at, the newest; of the admin's own log a tenth."""

SHOWN = 50

TENANT_PATHS: Mapping[type[Model], str] = {
    KnowledgeBase: "tenant", Document: "tenant", ApiKey: "tenant", Membership: "tenant", Tenant: "pk",
    EvaluationSet: "knowledge_base__tenant",
}  # fmt: skip
"""Of which rows a line of the admin's log is shown to those who are no superusers: their own tenants'."""


@dataclass(frozen=True, slots=True)
class ActFilters:
    """What is asked for; empty for anything."""

    kind: str = ""
    person: str = ""
    knowledge_base: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def query(self) -> str:
        """As an address has them, without the place in the list."""
        said = {"kind": self.kind, "person": self.person, "knowledge_base": self.knowledge_base}
        said |= {"since": f"{self.since:%Y-%m-%d}" if self.since else ""}
        return urlencode({name: value for name, value in said.items() if value})


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the two records go; None where there is nothing."""

    events: datetime | None
    log: datetime | None


def acts(request: HttpRequest, filters: ActFilters, *, permission: str) -> list[Act]:
    """What was done in the tenants where the user has that permission, the newest first, one more than are shown."""
    tenants = None if is_superuser(request.user) else tenants_where(request.user, permission)
    events = _events(request, filters, tenants) if filters.kind != "forms" else []
    log = _log(request, filters, tenants) if filters.kind in ("", "forms") and not filters.knowledge_base else []
    names = names_of(request, events)
    return merged([act_of_event(one, names) for one in events], log)[: SHOWN + 1]


def reach() -> Reach:
    """How far back what is looked at goes."""
    newest = OutboxEvent.objects.order_by("-id").values("pk")[:RECENT]
    events = OutboxEvent.objects.filter(pk__in=newest).order_by().aggregate(at=Min("created_at"))["at"]
    log = LogEntry.objects.filter(pk__in=_newest_log().values("pk")).order_by().aggregate(at=Min("action_time"))["at"]
    return Reach(events, log)


def _events(request: HttpRequest, filters: ActFilters, tenants: Collection[UUID] | None) -> list[Any]:
    types = [type_ for kind, (_, of) in KINDS.items() if filters.kind in ("", kind) for type_ in of]
    newest = OutboxEvent.objects.order_by("-id").values("pk")[:RECENT]
    found = OutboxEvent.objects.filter(pk__in=newest, type__in=types, actor__isnull=False)
    found = found.filter(_between("created_at", filters), _of_tenants(request, tenants))
    if filters.person:
        found = found.filter(actor__name=filters.person)
    if filters.knowledge_base:
        found = found.filter(payload__knowledge_base_id=filters.knowledge_base)
    return list(found.order_by("-id")[: SHOWN + 1])


def _of_tenants(request: HttpRequest, tenants: Collection[UUID] | None) -> Q:
    """All for a superuser. By a role alone nobody is told what others asked."""
    if tenants is None:
        return Q()
    of_others = Q(type__in=KINDS["questions"][1]) & ~Q(actor__kind="user", actor__id=str(request.user.pk))
    rule = ~of_others if looks_by_role(request.user, Query) else Q()
    return Q(tenant_id__in=list(tenants)) & rule


def _between(field: str, filters: ActFilters) -> Q:
    after = Q(**{f"{field}__gte": filters.since}) if filters.since else Q()
    return after & Q(**{f"{field}__lt": filters.until}) if filters.until else after


def _newest_log() -> QuerySet[LogEntry]:
    return LogEntry.objects.order_by("-pk")[: RECENT // 10]


def _log(request: HttpRequest, filters: ActFilters, tenants: Collection[UUID] | None) -> list[Act]:
    found = LogEntry.objects.filter(_between("action_time", filters), pk__in=_newest_log().values("pk"))
    found = found.exclude(content_type=None)
    if filters.person:
        found = found.filter(user__username=filters.person)
    if tenants is not None:
        found = found.filter(pk__in=_own(request, found, tenants))
    rows = found.select_related("user", "content_type").order_by("-pk")
    return [log_act(one) for one in rows[: SHOWN + 1]]


def _own(request: HttpRequest, entries: QuerySet[LogEntry], tenants: Collection[UUID]) -> list[int]:
    """Those about rows of these tenants that are still there, and that the user may look at."""
    own: list[int] = []
    said = list(entries.values_list("pk", "content_type", "object_id"))
    for model, of in ContentType.objects.get_for_models(*TENANT_PATHS).items():
        about = [(pk, object_id) for pk, type_, object_id in said if type_ == of.pk and object_id]
        seen = _seen(request, model, {object_id for _, object_id in about}, tenants)
        own += [pk for pk, object_id in about if object_id in seen]
    return own


def _seen(request: HttpRequest, model: Any, ids: Collection[str], tenants: Collection[UUID]) -> set[str]:
    """Of rows with these ids those that the user may look at in these tenants."""
    if not may_somewhere(request.user, *looking(model)):
        return set()
    path = TENANT_PATHS[model]
    rows = model._default_manager.filter(pk__in=ids).filter(**{f"{path}__in": list(tenants)})
    return {str(pk) for pk in rows_of_tenants(rows, request.user, path=path).values_list("pk", flat=True)}


def log_act(entry: LogEntry) -> Act:
    """A line of the admin's log, with the page of what it is about."""
    url = entry.get_admin_url() if entry.action_flag != DELETION else None
    return act_of_log(entry, url=url or "")


def names_of(request: HttpRequest, events: Sequence[Any]) -> Names:
    """What the events are about, by name, as far as the user may see it."""
    payloads = [one.payload for one in events]

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
    """Those there are by their title. One that is gone is named by the event of its upload, for who sees all documents."""
    there = mine(request, Document.objects.filter(pk__in=wanted))
    found = {str(row.pk): (row.title, row_url(row)) for row in there}
    missing = wanted - found.keys()
    if missing and not looks_by_role(request.user, Document):
        newest = OutboxEvent.objects.order_by("-id").values("pk")[:RECENT]
        told = mine(request, OutboxEvent.objects.filter(pk__in=newest, type="document.created"), path="tenant_id")
        of_missing = told.filter(key__in=missing).values_list("key", "payload__title")
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
    types = [*KINDS["documents"][1][1:], *KINDS["access"][1]]
    return _of_row(request, document, Q(key=str(document.pk)), types, told)


def knowledge_base_acts(request: HttpRequest, base: KnowledgeBase) -> list[Act]:
    """What was done with a knowledge base itself."""
    types = [*KINDS["knowledge-bases"][1], *KINDS["access"][1]]
    return _of_row(request, base, Q(key=str(base.pk)), types, [])


def _of_row(request: HttpRequest, row: Model, about: Q, types: Sequence[str], more: Sequence[Act]) -> list[Act]:
    newest = OutboxEvent.objects.order_by("-id").values("pk")[:RECENT]
    found = OutboxEvent.objects.filter(about, pk__in=newest, type__in=types, actor__isnull=False)
    events = list(found.order_by("-id")[:SHOWN])
    names = names_of(request, events)
    of = ContentType.objects.get_for_model(row)
    entries = LogEntry.objects.filter(content_type=of, object_id=str(row.pk)).select_related("user", "content_type")
    log = [act_of_log(one) for one in entries.order_by("-pk")[:SHOWN]]
    return sorted(
        [*merged([act_of_event(one, names) for one in events], log), *more], key=lambda act: act.at, reverse=True
    )
