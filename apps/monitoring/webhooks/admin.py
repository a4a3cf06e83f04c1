"""Webhooks, and what they were told: made, tried, turned on and off, and told again here."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.monitoring.models import Webhook, WebhookDelivery, WebhookDeliveryState, WebhookState
from apps.monitoring.webhooks.services import (
    deliveries_send_again,
    webhook_create,
    webhook_delete,
    webhook_secret,
    webhook_secret_renew,
    webhook_try,
    webhook_update,
)
from apps.monitoring.webhooks.told import SUBSCRIBABLE
from ragsite.core.actors import Actor, actor_text
from ragsite.core.admin.base import (
    LargeTableAdmin,
    RagAdmin,
    ServiceDeleteMixin,
    acting,
    badge,
    confirmation,
    dialog_done,
    errors_told,
    link,
    row_url,
)
from ragsite.core.sentences import said
from ragsite.core.times import time_shown
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.roles import may_somewhere

CHANGE = "monitoring.change_webhook"
TONES = {WebhookState.ON: "success", WebhookState.PAUSED: "danger", WebhookState.OFF: None}
DELIVERY_TONES = {
    WebhookDeliveryState.DONE: "success", WebhookDeliveryState.DEAD: "danger", WebhookDeliveryState.HELD: "warning",
    WebhookDeliveryState.WAITING: "info",
}  # fmt: skip


class WebhookForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Where it is, and what it is told."""

    types = forms.MultipleChoiceField(label=_("Events"), widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = Webhook
        fields: ClassVar = ("tenant", "url", "description", "types")
        help_texts: ClassVar = {
            "url": _("An https address that everybody can reach, or one that the operator allows."),
            "description": _("Which program listens there."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "types" in self.fields:  # else it is a page to read
            field: Any = self.fields["types"]
            field.choices = [(one.event.type, gettext(one.words)) for one in SUBSCRIBABLE.values()]


@admin.register(Webhook)
class WebhookAdmin(ServiceDeleteMixin, TenantRowsMixin, RagAdmin):
    form = WebhookForm

    class Media:
        js: ClassVar = ("ragsite/copy.js",)

    list_display: ClassVar = ("named", "tenant", "told_of", "standing", "created_at")
    list_filter: ClassVar = (("tenant", TenantFilter), "state")
    list_select_related: ClassVar = ("tenant",)
    search_fields: ClassVar = ("url", "description")
    actions_detail: ClassVar = ("try_it", "send_again", "turn_on", "turn_off", "show_secret", "renew_secret")
    fields: ClassVar = ("tenant", "url", "description", "types", "standing", "deliveries", "made_by", "created_at")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.fields) if obj else tuple(self.fields[:4])

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("tenant", *self.fields[4:]) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """In which tenants is for the form: it offers only those."""
        return may_somewhere(request.user, "monitoring.add_webhook")

    def has_change_here_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, CHANGE, object_id)

    def has_turn_on_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Where it is not on; a second click is no error."""
        return self._may_turn(request, object_id, (WebhookState.OFF, WebhookState.PAUSED))

    def has_turn_off_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Where it is on; a second click is no error."""
        return self._may_turn(request, object_id, (WebhookState.ON,))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        about = {"url": obj.url, "description": obj.description, "types": form.cleaned_data["types"]}
        if change:
            webhook_update(webhook=obj, actor=acting(request), **about)
        else:
            obj.pk = webhook_create(tenant=obj.tenant, actor=acting(request), **about).pk

    def service_delete(self, row: Webhook, *, actor: Actor) -> None:
        webhook_delete(webhook=row, actor=actor)

    def named_for_deletion(self, row: Any) -> str:
        return gettext("%(webhook)s, with what waits for it") % {"webhook": row}

    @action(
        description=_("Send a test"),
        icon="send",
        permissions=["change_here"],
        dialog=confirmation(
            title=_("Send a message to try it?"),
            text=_("Its type is webhook.test. What became of it is among the deliveries."),
            button=_("Send"),
        ),
    )
    def try_it(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        webhook = self.row_or_404(request, object_id)
        with errors_told(request):
            made = webhook_try(webhook=webhook, actor=acting(request))
            return dialog_done(row_url(made))
        return dialog_done(row_url(webhook))

    @action(
        description=_("Send again what was given up"),
        icon="replay",
        permissions=["change_here"],
        dialog=confirmation(
            title=_("Send again all that was given up?"),
            text=_("Each message has the id that it had before, by which the receiver can tell."),
            button=_("Send again"),
        ),
    )
    def send_again(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        webhook = self.row_or_404(request, object_id)
        with errors_told(request):
            number = deliveries_send_again(webhook=webhook, actor=acting(request))
            messages.success(request, _sent_again(number))
        return dialog_done(row_url(webhook))

    @action(
        description=_("Turn on"),
        icon="play_arrow",
        permissions=["turn_on"],
        dialog=confirmation(
            title=_("Turn this webhook on?"), text=_("What was held back goes to it now."), button=_("Turn on")
        ),
    )
    def turn_on(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, active=True)

    @action(
        description=_("Turn off"),
        icon="pause",
        permissions=["turn_off"],
        dialog=confirmation(
            title=_("Turn this webhook off?"),
            text=_("It is not told of what happens until it is turned on. What waits for it now is held back."),
            button=_("Turn off"),
        ),
    )
    def turn_off(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, active=False)

    @action(
        description=_("Show the secret"),
        icon="key",
        permissions=["change_here"],
        dialog=confirmation(
            title=_("Show the secret?"),
            text=_("The receiver checks by it that messages are from here. The audit log tells that you looked."),
            button=_("Show it"),
        ),
    )
    def show_secret(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        webhook = self.row_or_404(request, object_id)
        with errors_told(request):
            messages.success(request, _secret_shown(webhook_secret(webhook=webhook, actor=acting(request))))
        return dialog_done(row_url(webhook))

    @action(
        description=_("New secret"),
        icon="autorenew",
        permissions=["change_here"],
        dialog=confirmation(
            title=_("Give this webhook a new secret?"),
            text=_("All is signed by it from now on. What the receiver refuses until it knows it is sent again."),
            button=_("Make a new secret"),
        ),
    )
    def renew_secret(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        webhook = self.row_or_404(request, object_id)
        webhook_secret_renew(webhook=webhook, actor=acting(request))
        messages.success(request, gettext("It has a new secret. “Show the secret” tells it."))
        return dialog_done(row_url(webhook))

    @display(description=_("Webhook"), ordering="url")
    def named(self, row: Webhook) -> str:
        return str(row)

    @display(description=_("Events"))
    def told_of(self, row: Webhook) -> str:
        return ", ".join(row.types)

    @display(description=_("State"), ordering="state")
    def standing(self, row: Webhook) -> SafeString:
        label = badge(WebhookState(row.state).label, TONES[WebhookState(row.state)])
        if not row.failing_since:
            return label
        told = gettext("has failed since %(moment)s") % {"moment": time_shown(row.failing_since)}
        return format_html('{} <span class="rag-muted">{}</span>', label, told)

    @display(description=_("Messages"))
    def deliveries(self, row: Webhook) -> SafeString:
        url = f"{reverse('admin:monitoring_webhookdelivery_changelist')}?webhook__id__exact={row.pk}"
        return link(url, gettext("Show what it was told"))

    @display(description=_("Made by"))
    def made_by(self, row: Webhook) -> str:
        return actor_text(row.actor)

    def _turn(self, request: HttpRequest, object_id: str, *, active: bool) -> HttpResponse:
        webhook = self.row_or_404(request, object_id)
        with errors_told(request):
            webhook_update(webhook=webhook, active=active, actor=acting(request))
        return dialog_done(row_url(webhook))

    def _may_turn(self, request: HttpRequest, object_id: str | None, from_: tuple[WebhookState, ...]) -> bool:
        if not self.has_change_here_permission(request, object_id):
            return False
        return object_id is None or request.method == "POST" or self.row_or_404(request, object_id).state in from_


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantRowsMixin, LargeTableAdmin):
    tenant_path: ClassVar[str] = "webhook__tenant"
    list_display: ClassVar = ("type", "webhook", "standing", "tries", "status", "why", "created_at")
    list_filter: ClassVar = ("state",)
    list_select_related: ClassVar = ("webhook",)
    filtered_by_links = ("webhook",)
    search_fields: ClassVar = ("event_id__exact",)
    search_help_text = _("The id of the message in full")
    actions: ClassVar = ("send_selected_again",)
    actions_detail: ClassVar = ("send_again",)
    fields: ClassVar = (
        "webhook", "type", "event_id", "standing", "tries", "status", "why", "body", "created_at", "tried_at", "next_try",
        "delivered_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows.defer("body")

    def has_send_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "monitoring.change_webhookdelivery", object_id)

    @action(
        description=_("Send again"),
        icon="replay",
        permissions=["send_again"],
        dialog=confirmation(
            title=_("Send this message again?"),
            text=_("It has the id that it had before, by which the receiver can tell."),
            button=_("Send again"),
        ),
    )
    def send_again(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        row = self.row_or_404(request, object_id)
        _send_again(request, [row])
        return dialog_done(row_url(row))

    @action(description=_("Send the selected messages again"), permissions=["send_again"])
    def send_selected_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        _send_again(request, list(queryset.select_related("webhook")))

    @display(description=_("State"), ordering="state")
    def standing(self, row: WebhookDelivery) -> SafeString:
        state = WebhookDeliveryState(row.state)
        return badge(state.label, DELIVERY_TONES[state])

    @display(description=_("Last reason"))
    def why(self, row: WebhookDelivery) -> str:
        return said(row.error)

    @display(description=_("Next try"))
    def next_try(self, row: WebhookDelivery) -> str:
        return str(time_shown(row.not_before)) if row.state == WebhookDeliveryState.WAITING else ""


def _send_again(request: HttpRequest, rows: list[WebhookDelivery]) -> None:
    """Those of each webhook together."""
    webhooks = {row.webhook_id: row.webhook for row in rows}
    number = 0
    with errors_told(request):
        for pk, webhook in webhooks.items():
            among = WebhookDelivery.objects.filter(pk__in=[row.pk for row in rows if row.webhook_id == pk])
            number += deliveries_send_again(webhook=webhook, among=among, actor=acting(request))
        messages.success(request, _sent_again(number))


def _sent_again(number: int) -> str:
    told = ngettext("%(number)s message is sent again.", "%(number)s messages are sent again.", number)
    return told % {"number": number}


def _secret_shown(secret: str) -> SafeString:
    told = gettext("Give this secret to the receiver:")
    return format_html("{} {}", told, render_to_string("ragsite/admin/made_key.html", {"text": secret}))
