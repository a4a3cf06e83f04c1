"""Outbox events: what was published, what waits, and what could not be sent."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from ragsite.core.actors import actor_text
from ragsite.core.admin.base import LargeTableAdmin, badge
from ragsite.core.models import OutboxEvent


class SendingFilter(admin.SimpleListFilter):
    """Sent, waiting, or waiting after a failed attempt."""

    title = _("sending")
    parameter_name = "sending"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", gettext("Waiting")),
            ("failing", gettext("Waiting after a failure")),
            ("sent", gettext("Sent")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
        if self.value() == "sent":
            return queryset.exclude(sent_at=None)
        waiting = queryset.filter(sent_at=None)
        return {"waiting": waiting, "failing": waiting.exclude(error="")}.get(self.value() or "", queryset)


@admin.register(OutboxEvent)
class OutboxEventAdmin(LargeTableAdmin):
    list_display: ClassVar = ("type", "key", "by", "sending", "attempts", "error", "created_at", "sent_at")
    list_filter: ClassVar = (SendingFilter,)
    search_fields: ClassVar = ("key__exact",)
    search_help_text = _("The key in full")
    fields: ClassVar = (
        "type", "event_id", "key", "tenant_id", "by", "request_id", "sending", "attempts", "error", "payload", "created_at",
        "not_before", "sent_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEvent]:
        events: QuerySet[OutboxEvent] = super().get_queryset(request)
        return events.defer("payload")

    @display(description=_("By"))
    def by(self, event: OutboxEvent) -> str:
        return actor_text(event.actor)

    @display(description=_("Request"))
    def request_id(self, event: OutboxEvent) -> str:
        return event.actor.get("request_id", "") if event.actor else ""

    @display(description=_("Sending"), ordering="sent_at")
    def sending(self, event: OutboxEvent) -> SafeString:
        if event.sent_at:
            return badge(gettext("Sent"), "success")
        return badge(gettext("Failing"), "danger") if event.error else badge(gettext("Waiting"), "info")
