"""The REST door to the jobs that remove what nobody needs any more."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.monitoring.jobs.purges import purge_ask, purges
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission

NAME = OpenApiParameter("id", OpenApiTypes.STR, OpenApiParameter.PATH, description="Its name.")


class PurgeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    as_of = serializers.DateTimeField(help_text="When it was looked at.")
    started_at = serializers.DateTimeField(allow_null=True, help_text="When it was last begun.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="When it last ended well.")
    is_running = serializers.BooleanField()
    is_failing = serializers.BooleanField(help_text="It has not ended well since; the admin says why.")


@extend_schema_serializer(many=False)
class PurgesSerializer(serializers.Serializer[Any]):
    purges = PurgeSerializer(many=True)


class PurgeViewSet(viewsets.ViewSet):
    """What removes deleted documents and ended indexes, of the whole installation and by the clock."""

    permission_by_method: ClassVar = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), Permission.WORK)
    lookup_value_converter = "str"

    @extend_schema(summary="List purges", responses=PurgesSerializer(many=False), filters=False)
    def list(self, request: Request) -> Response:
        """In the order in which one makes work for the next."""
        return Response(PurgesSerializer({"purges": purges()}).data)

    @extend_schema(
        summary="Have a purge run now", request=None, parameters=[NAME], responses={202: PurgeSerializer(many=False)}
    )
    @idempotent()
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: str) -> Response:
        """202: it has run once its `finished_at` is past this `as_of`. It removes nothing that it would not otherwise."""
        who = caller(request)
        asked = purge_ask(pk, tenant_id=who.tenant_id, actor=acting(request))
        return Response(PurgeSerializer(asked).data, status=status.HTTP_202_ACCEPTED)
