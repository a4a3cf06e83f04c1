"""What is kept of watching the system: how its parts were found last, alerts, who was told of them, and webhooks."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ragsite.core.bounds import WORDS, json_walls, text_walls
from ragsite.core.ids import new_id
from ragsite.core.leases import Leased
from ragsite.gateway.models import Tenant


class HealthState(models.TextChoices):
    OK = "ok", _("Fine")
    DEGRADED = "degraded", _("Works in part")
    FAILED = "failed", _("Does not work")


class HealthCheck(models.Model):
    """How a part was found by the check of that name; of a check that tries several, `subject` says which."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=HealthState.choices)
    text = models.TextField(blank=True, default="", help_text=_("What is wrong, and what mends it."))
    milliseconds = models.FloatField()
    since = models.DateTimeField(db_default=Now(), help_text=_("When it was found so first."))
    checked_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["name", "subject"]
        verbose_name = _("health check")
        verbose_name_plural = _("health checks")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "subject"], name="health_check_of_subject"),
            models.CheckConstraint(condition=models.Q(state__in=HealthState.values), name="health_check_state_known"),
            models.CheckConstraint(
                condition=models.Q(state=HealthState.OK) | ~models.Q(text=""), name="health_check_says_what_is_wrong"
            ),
            *text_walls("health_check", text=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}".strip()


class Severity(models.TextChoices):
    CRITICAL = "critical", _("Critical")
    WARNING = "warning", _("Warning")


class AlertState(models.TextChoices):
    """A pending one is no alert yet; a calming one is, until it has been calm for long enough."""

    PENDING = "pending", _("Not an alert yet")
    OPEN = "open", _("Open")
    CALMING = "calming", _("Open, calm for a moment")
    CLOSED = "closed", _("Closed")


OPEN_ALERTS = (AlertState.OPEN, AlertState.CALMING)


class Alert(models.Model):
    """That a rule is broken, by something of those that it is about. `value` is the last that was seen while it was open."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rule = models.CharField(max_length=40)
    subject = models.CharField(max_length=250, blank=True, default="")
    severity = models.CharField(max_length=10, choices=Severity.choices)
    state = models.CharField(max_length=10, choices=AlertState.choices, default=AlertState.PENDING)
    value = models.FloatField()
    since = models.DateTimeField(help_text=_("When its state began."))
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text=_("Who sees to it; nobody once the account is gone."),
    )  # fmt: skip

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes: ClassVar = [
            models.Index(fields=["-id"], condition=models.Q(state__in=OPEN_ALERTS), name="alert_open"),
            models.Index(fields=["closed_at"], condition=models.Q(state="closed"), name="alert_closed"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "subject"], condition=~models.Q(state="closed"), name="one_living_alert_of_subject"
            ),
            models.CheckConstraint(condition=models.Q(state__in=AlertState.values), name="alert_state_known"),
            models.CheckConstraint(condition=models.Q(severity__in=Severity.values), name="alert_severity_known"),
            models.CheckConstraint(
                condition=models.Q(state=AlertState.PENDING) | models.Q(opened_at__isnull=False),
                name="alert_knows_when_it_opened",
            ),
            models.CheckConstraint(
                condition=models.Q(state=AlertState.CLOSED, closed_at__isnull=False)
                | ~models.Q(state=AlertState.CLOSED) & models.Q(closed_at=None),
                name="closed_alert_knows_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}".strip()

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_ALERTS


class Occasion(models.TextChoices):
    OPENED = "opened", _("Opened")
    CLOSED = "closed", _("Closed")


class Channel(models.TextChoices):
    WEBHOOK = "webhook", _("Webhook")
    MAIL = "mail", _("E-mail")


class DeliveryState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Delivered")
    FAILED = "failed", _("Failed")


class AlertDelivery(Leased):
    """That somebody is to be told of an alert, and whether that was done."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    occasion = models.CharField(max_length=10, choices=Occasion.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name = _("message about an alert")
        verbose_name_plural = _("messages about alerts")
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=models.Q(state="waiting"), name="alert_delivery_work"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alert", "occasion", "channel"], name="alert_told_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=DeliveryState.values), name="alert_delivery_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="failed") | ~models.Q(error=""), name="failed_alert_delivery_says_why"
            ),
            *text_walls("alert_delivery", error=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.occasion}"


class WebhookState(models.TextChoices):
    """Off is what people chose; a paused one's receiver did not answer for days."""

    ON = "on", _("On")
    PAUSED = "paused", _("Paused, as its receiver does not answer")
    OFF = "off", _("Off")


class Webhook(models.Model):
    """An address at which a program of the tenant is told of events of these types. `secret` is sealed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=2_000)
    description = models.CharField(_("description"), max_length=200, blank=True, default="")
    types = ArrayField(models.CharField(max_length=60), verbose_name=_("events"))
    secret = models.TextField(editable=False)
    state = models.CharField(max_length=10, choices=WebhookState.choices, default=WebhookState.ON)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text=_("In a row, until now."))
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    actor = models.JSONField(null=True, editable=False, help_text=_("Who made it."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=WebhookState.values), name="webhook_state_known"),
            models.CheckConstraint(condition=models.Q(types__len__gt=0), name="webhook_is_told_something"),
            models.CheckConstraint(
                condition=models.Q(state="paused", paused_at__isnull=False)
                | ~models.Q(state="paused") & models.Q(paused_at=None),
                name="paused_webhook_knows_when",
            ),
            *text_walls("webhook", secret=WORDS),
            *json_walls("webhook", types=WORDS, actor=WORDS),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.description or self.url


class WebhookDeliveryState(models.TextChoices):
    """A held one waits for its webhook, which is off or paused; a dead one was tried for a day."""

    WAITING = "waiting", _("Waiting")
    HELD = "held", _("Held back")
    DONE = "done", _("Delivered")
    DEAD = "dead", _("Given up")


class WebhookDelivery(Leased):
    """That a webhook is to be told of an event, and whether that was done. `since` is when trying began, the last time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    type = models.CharField(max_length=60)
    body = models.TextField(help_text=_("What is sent."))
    state = models.CharField(
        max_length=10, choices=WebhookDeliveryState.choices, default=WebhookDeliveryState.WAITING
    )  # fmt: skip
    tries = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("What the receiver answered last."))
    error = models.TextField(blank=True, default="")
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        indexes: ClassVar = [
            models.Index(
                fields=["not_before", "id"], condition=models.Q(state="waiting"), name="webhook_delivery_work"
            ),
            models.Index(fields=["webhook", "-id"], name="webhook_delivery_of"),
            models.Index(fields=["webhook", "state"], condition=~models.Q(state="done"), name="webhook_delivery_open"),
            models.Index(fields=["created_at", "id"], name="webhook_delivery_age"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "event_id"], name="webhook_told_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=WebhookDeliveryState.values), name="webhook_delivery_state_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="dead") | ~models.Q(error=""), name="dead_webhook_delivery_says_why"
            ),
            *text_walls("webhook_delivery", error=WORDS, body=WORDS),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
