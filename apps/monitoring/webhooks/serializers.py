"""How webhooks and what they were told look over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.documents.api.serializers import ActorField
from apps.monitoring.models import Webhook, WebhookDelivery
from apps.monitoring.webhooks.told import SUBSCRIBABLE
from ragsite.gateway.strictness import StrictSerializer


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """`paused_at` is when it was paused, as its receiver had not answered for days; `failing_since` when that began."""

    made_by = ActorField(help_text="Who made it, such as `ada, admin` or `key CI, API`.")

    class Meta:
        model = Webhook
        fields = (
            "id", "url", "types", "description", "state", "failures", "failing_since", "paused_at", "made_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields


def _url(**more: Any) -> serializers.CharField:
    about = "An https address that everybody can reach, or one that the operator allows."
    return serializers.CharField(max_length=2_000, help_text=about, **more)


def _types(**more: Any) -> serializers.ListField:
    one = serializers.ChoiceField(choices=list(SUBSCRIBABLE))
    return serializers.ListField(child=one, min_length=1, max_length=len(SUBSCRIBABLE), **more)


class NewWebhookSerializer(StrictSerializer):
    """A new webhook."""

    url = _url()
    types = _types()
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)
    active = serializers.BooleanField(default=True)


class WebhookChangeSerializer(StrictSerializer):
    """What may be changed about a webhook. `active` turns it off, or on again where it was paused."""

    url = _url(required=False)
    types = _types(required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=200)
    active = serializers.BooleanField(required=False)


class WebhookSecretSerializer(serializers.Serializer[Any]):
    """What messages are signed with."""

    secret = serializers.CharField()


class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """A message. `event_id` is its `webhook-id`; `status` is what the receiver answered last, null where it did not."""

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "event_id", "type", "state", "tries", "status", "error", "body", "created_at", "tried_at", "next_try_at",
            "delivered_at",
        )  # fmt: skip
        read_only_fields = fields

    next_try_at = serializers.SerializerMethodField()

    def get_next_try_at(self, row: WebhookDelivery) -> str | None:
        """Null where it is not tried any more."""
        return row.not_before.isoformat() if row.state == "waiting" else None


class SentAgainSerializer(serializers.Serializer[Any]):
    """How many messages are sent again."""

    deliveries = serializers.IntegerField()
