"""The REST door to webhooks: parse, call a service, answer."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.monitoring.models import Webhook, WebhookDelivery, WebhookDeliveryState
from apps.monitoring.webhooks.serializers import (
    NewWebhookSerializer,
    SentAgainSerializer,
    WebhookChangeSerializer,
    WebhookDeliverySerializer,
    WebhookSecretSerializer,
    WebhookSerializer,
)
from apps.monitoring.webhooks.services import (
    deliveries_of,
    deliveries_send_again,
    webhook_create,
    webhook_delete,
    webhook_etag,
    webhook_secret,
    webhook_secret_renew,
    webhook_try,
    webhook_update,
    webhooks_of,
)
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, EtagMixin, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission, Tenant
from ragsite.gateway.names import PAGE
from ragsite.gateway.problem_schemas import answering

MANAGING = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"), Permission.GRANTS)


STATE = OpenApiParameter("state", enum=WebhookDeliveryState.values, description="Those in this state alone.")


@extend_schema_view(
    list=extend_schema(summary="List webhooks, the newest first"),
    retrieve=extend_schema(summary="Look at a webhook", parameters=[ETAG], responses=WebhookSerializer),
)
class WebhookViewSet(EtagMixin, viewsets.GenericViewSet[Webhook], mixins.ListModelMixin):
    """Addresses at which programs are told what happens in your tenant. For keys that see all of it."""

    row_etag = staticmethod(webhook_etag)
    permission_by_method = MANAGING
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.none()
    parameters_by_action: ClassVar = {"deliveries": ("state", *PAGE)}
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Webhook]:
        principal = caller(self.request)
        principal.require_whole_tenant()
        return webhooks_of([principal.tenant_id])

    @extend_schema(summary="Make a webhook", request=NewWebhookSerializer, responses={201: WebhookSerializer})
    @answering("conflict", "url_forbidden")
    @idempotent(atomic=True)
    def create(self, request: Request) -> Response:
        """With a secret of its own, which `secret/` tells. It is told of what happens from now on."""
        principal, body = caller(request), NewWebhookSerializer(data=request.data)
        principal.require_whole_tenant()
        body.is_valid(raise_exception=True)
        tenant = Tenant.objects.get(pk=principal.tenant_id)
        made = webhook_create(tenant=tenant, actor=acting(request), **body.validated_data)
        return Response(WebhookSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change a webhook, or turn it off or on", parameters=[IF_MATCH, ETAG], request=WebhookChangeSerializer,
        responses=WebhookSerializer,
    )  # fmt: skip
    @answering("url_forbidden")
    @idempotent(atomic=True)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """What waits while it is off is sent once it is on."""
        body = WebhookChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = webhook_update(
            webhook=self.get_object(), actor=acting(request), condition=condition_of(request.headers),
            **body.validated_data,
        )  # fmt: skip
        return self.told_with_etag(changed)

    @extend_schema(
        summary="Delete a webhook with its deliveries", parameters=[IF_MATCH], responses={204: None}
    )  # fmt: skip
    def destroy(self, request: Request, pk: UUID) -> Response:
        webhook_delete(
            webhook=self.get_object(), actor=acting(request), condition=condition_of(request.headers)
        )  # fmt: skip
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="What its messages are signed with", methods=["GET"], responses=WebhookSecretSerializer, filters=False
    )
    @extend_schema(summary="Give it a new secret", methods=["POST"], request=None, responses={204: None})
    @answering("secret_unreadable")
    @idempotent()
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def secret(self, request: Request, pk: UUID) -> Response:
        """The audit log tells who looked. A new secret signs all from now on; its receiver must be given it."""
        webhook = self.get_object()
        if request.method == "POST":
            webhook_secret_renew(webhook=webhook, actor=acting(request))
            return Response(status=status.HTTP_204_NO_CONTENT)
        told = {"secret": webhook_secret(webhook=webhook, actor=acting(request))}
        return Response(WebhookSecretSerializer(told).data, headers={"Cache-Control": "no-store"})

    @extend_schema(
        summary="Send a message to try it", request=None, responses={202: WebhookDeliverySerializer}
    )  # fmt: skip
    @answering("conflict")
    @idempotent()
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: UUID) -> Response:
        """Its type is `webhook.test`. What became of it is among the deliveries."""
        made = webhook_try(webhook=self.get_object(), actor=acting(request))
        return Response(WebhookDeliverySerializer(made).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="List what it was told, the newest first", parameters=[STATE],
        responses=WebhookDeliverySerializer(many=True), filters=False,
    )  # fmt: skip
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: UUID) -> Response:
        """And what waits, or was given up. Kept for 30 days."""
        found = deliveries_of(self.get_object(), state=request.query_params.get("state"))
        rows = self.paginate_queryset(found)  # type: ignore[arg-type]
        return self.get_paginated_response(WebhookDeliverySerializer(rows, many=True).data)

    @extend_schema(
        summary="Send again all that was given up", request=None, responses={202: SentAgainSerializer}
    )  # fmt: skip
    @answering("conflict")
    @idempotent()
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, pk: UUID) -> Response:
        number = deliveries_send_again(webhook=self.get_object(), actor=acting(request))
        return Response(SentAgainSerializer({"deliveries": number}).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(
        summary="Send a message again", request=None, responses={202: WebhookDeliverySerializer}
    )  # fmt: skip
    @answering("conflict")
    @idempotent()
    @action(detail=True, methods=["post"], url_path="deliveries/<uuid:delivery_id>/redeliver")
    def redeliver_one(self, request: Request, pk: UUID, delivery_id: UUID) -> Response:
        """Whatever became of it, with the same `webhook-id`."""
        webhook = self.get_object()
        found = WebhookDelivery.objects.filter(webhook=webhook, pk=delivery_id)
        if not found.exists():
            raise NotFoundError(f"There is no delivery {delivery_id} to it.")
        deliveries_send_again(webhook=webhook, actor=acting(request), among=found)
        return Response(WebhookDeliverySerializer(found.get()).data, status=status.HTTP_202_ACCEPTED)
