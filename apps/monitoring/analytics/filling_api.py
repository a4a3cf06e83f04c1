"""The REST door to filling in reports from the record."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.monitoring.analytics.filling import filling_ask, filling_of
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import answering


@extend_schema_serializer(many=False)
class FillingSerializer(serializers.Serializer[Any]):
    is_under_way = serializers.BooleanField()
    part = serializers.CharField(help_text="What is told of now: documents, versions, answers, ratings; else empty.")
    is_held_up = serializers.BooleanField(help_text="It gets on no more for now, and goes on by itself.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="When it last got on, or ended; null for never.")


class FillingViewSet(viewsets.ViewSet):
    """What happened in the key's tenant before events were consumed, told to ClickHouse from PostgreSQL."""

    permission_by_method: ClassVar = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), Permission.WORK)

    @extend_schema(summary="Watch reports being filled in", responses=FillingSerializer, filters=False)
    def list(self, request: Request) -> Response:
        """Whether it is under way."""
        caller(request).require_whole_tenant()
        return Response(FillingSerializer(filling_of(caller(request).tenant_id)).data)

    @extend_schema(
        summary="Fill in reports from the record", request=None, responses={202: FillingSerializer(many=False)}
    )
    @answering("analytics_off")
    @idempotent()
    def create(self, request: Request) -> Response:
        """202: a job tells of documents, versions, answers and ratings. Nothing counts twice; one under way goes on."""
        caller(request).require_whole_tenant()
        filling = filling_ask(caller(request).tenant_id, actor=acting(request))
        return Response(FillingSerializer(filling).data, status=status.HTTP_202_ACCEPTED)
