"""The page of what is told to other systems: what was sent, what waits, and what can't be sent and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.models import KnowledgeBase
from apps.monitoring.operations.frame import LIVE, operations_page, tab_required
from apps.monitoring.operations.undelivered import failing_of, undelivered, waiting_first
from apps.monitoring.rows import counted, mine
from ragsite.core.actors import actor_text
from ragsite.core.admin.base import acting
from ragsite.core.configuration import ServerSettings
from ragsite.core.event_schemas import schema_of
from ragsite.core.events import UnknownEventError, event_class, events, name_split, topic_of
from ragsite.core.models import DEAD, OutboxEvent
from ragsite.core.outbox import outbox_send_again
from ragsite.gateway.members import is_superuser
from ragsite.gateway.roles import looking, looks_by_role, may_somewhere, tenants_where

PAGE = 50
RECENT = 20_000
"""Filters look among so many of the newest events, and not through all."""

MOST_OFFERED = 200
STATES = ("waiting", "failing", "given-up", "sent")


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for by the address; empty for anything."""

    type: str = ""
    state: str = ""
    key: str = ""
    knowledge_base: str = ""
    before: int = 0

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filters:
        """What does not make sense is left out."""
        before = asked.get("before", "")
        return cls(
            asked.get("type", "").replace("\0", "")[:80],
            state if (state := asked.get("state", "")) in STATES else "",
            asked.get("key", "").replace("\0", "").strip()[:80],
            _uuid_or_empty(asked.get("knowledge_base", "")),
            int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else 0,
        )

    @property
    def query(self) -> str:
        """As an address has them, without the place in the list."""
        said = {"type": self.type, "state": self.state, "key": self.key, "knowledge_base": self.knowledge_base}
        return urlencode({name: value for name, value in said.items() if value})


def _uuid_or_empty(said: str) -> str:
    try:
        return str(UUID(said))
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Told:
    """An event in a list: what it means, and its payload as people read JSON."""

    event: OutboxEvent
    meaning: str
    by: str
    topic: str
    payload: str

    @property
    def state(self) -> str:
        if self.event.sent_at:
            return _("Given up") if self.event.error else _("Sent")
        return _("Failing") if self.event.error else _("Waiting")

    @property
    def tone(self) -> str:
        return "danger" if self.event.error else "success" if self.event.sent_at else "info"


@admin.site.admin_view
def events_view(request: HttpRequest) -> HttpResponse:
    """The events of the user's tenants, the newest first; a POST has those that failed sent again.

    Raises:
        PermissionDenied: the user may not look at events, or not have them sent again.
    """
    tab_required(request, "events")
    rows = mine(request, OutboxEvent.objects.all(), path="tenant_id")
    if not is_superuser(request.user):
        rows = rows.filter(tenant_id__in=tenants_where(request.user, *looking(OutboxEvent)))
    if request.method == "POST":
        _send_again(request, rows)
        return redirect("events")
    return operations_page(request, "events", _sending(request, rows) | _listing(request, rows))


def _send_again(request: HttpRequest, rows: QuerySet[OutboxEvent]) -> None:
    if not _may_send_again(request):
        raise PermissionDenied
    among = rows.filter(DEAD) if request.POST.get("given_up") else failing_of(rows)
    wanted = among.filter(error=request.POST.get("error", ""))
    number = outbox_send_again(OutboxEvent.objects.filter(pk__in=wanted.values("pk")), actor=acting(request))
    told = ngettext("%(n)d event is tried again now.", "%(n)d events are tried again now.", number)
    messages.success(request, told % {"n": number})


def _sending(request: HttpRequest, rows: QuerySet[OutboxEvent]) -> dict[str, Any]:
    """How the relay keeps up."""
    first = waiting_first(rows, most=1).order_by("created_at").values_list("created_at", flat=True)
    oldest: datetime | None = next(iter(first), None)
    return {
        "waiting": counted(rows.filter(sent_at=None)),
        "oldest": oldest,
        "undelivered": undelivered(failing_of(rows)),
        "given_up": undelivered(rows.filter(DEAD)),
        "may_send_again": _may_send_again(request),
    }


def _may_send_again(request: HttpRequest) -> bool:
    return may_somewhere(request.user, "core.change_outboxevent")


def _listing(request: HttpRequest, rows: QuerySet[OutboxEvent]) -> dict[str, Any]:
    if request.GET.get("part") == LIVE:
        return {}
    filters = Filters.of(request.GET)
    found = list(_filtered(rows, filters).order_by("-id")[: PAGE + 1])
    known = {cls.name: _sentence(cls.__doc__) for cls in events()}
    bases = mine(request, KnowledgeBase.objects.filter(deleted_at=None)).order_by("name")
    return {
        "filters": filters,
        "told": [_told(one, known, with_payload=not looks_by_role(request.user, OutboxEvent)) for one in found[:PAGE]],
        "next": found[PAGE - 1].pk if len(found) > PAGE else None,
        "types": sorted(known),
        "states": {"waiting": _("Waiting"), "failing": _("Failing"), "given-up": _("Given up"), "sent": _("Sent")},
        "knowledge_bases": bases[:MOST_OFFERED],
        "recent": RECENT,
        "has_kafka": ServerSettings.current().has_kafka,
    }


def _filtered(rows: QuerySet[OutboxEvent], filters: Filters) -> QuerySet[OutboxEvent]:
    """Among the newest, or among what waits."""
    if filters.before:
        rows = rows.filter(pk__lt=filters.before)
    if filters.state in ("waiting", "failing"):
        found = waiting_first(rows, most=RECENT) if filters.state == "waiting" else failing_of(rows)
    elif filters.state == "given-up":
        found = rows.filter(DEAD)
    else:
        found = rows.filter(pk__in=rows.order_by("-id").values("pk")[:RECENT])
    said = {"type": filters.type, "key": filters.key, "payload__knowledge_base_id": filters.knowledge_base}
    found = found.filter(**{name: value for name, value in said.items() if value})
    return found.filter(error="").exclude(sent_at=None) if filters.state == "sent" else found


def _told(event: OutboxEvent, known: Mapping[str, str], *, with_payload: bool) -> Told:
    """A payload may name what an operator does not read, such as titles of documents."""
    payload = json.dumps(event.payload, indent=2, ensure_ascii=False) if with_payload else ""
    return Told(event, known.get(event.type, ""), actor_text(event.actor), topic_of(event.type), payload)


def _sentence(docstring: str | None) -> str:
    return " ".join((docstring or "").split())


@admin.site.admin_view
def event_schema_view(request: HttpRequest, name: str) -> HttpResponse:
    """The JSON Schema of an event's payload.

    Raises:
        Http404: there is no such event.
        PermissionDenied: the user may not look at events.
    """
    tab_required(request, "events")
    try:
        found = event_class(*name_split(name))
    except UnknownEventError as error:
        raise Http404(error.message) from error
    return JsonResponse(schema_of(found), json_dumps_params={"indent": 2})
