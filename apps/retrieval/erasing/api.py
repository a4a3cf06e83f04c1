"""The REST door to erasing: parse, call a service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.serializers import ActorField
from apps.retrieval.erasing.services import erasure_ask, erasure_find, erasures_of
from apps.retrieval.models import Erasure, ErasureSubject
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.strictness import StrictSerializer

MANAGING = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), Permission.GRANTS)


class NewErasureSerializer(StrictSerializer):
    """What is to be erased."""

    subject = serializers.ChoiceField(choices=ErasureSubject.values)
    id = serializers.CharField(max_length=40, help_text="Of the document or the user, or of your tenant.")
    dry_run = serializers.BooleanField(default=False, help_text="Count what would be erased, and change nothing.")


class KeptSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    why = serializers.CharField()


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """How far it is: `found` when it was asked for, `erased` so far, and what stays and why."""

    found = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    erased = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    kept = KeptSerializer(many=True, read_only=True)
    asked_by = ActorField()

    class Meta:
        model = Erasure
        fields = (
            "id", "subject", "subject_id", "state", "found", "erased", "kept", "error", "asked_by", "created_at",
            "ended_at",
        )  # fmt: skip
        read_only_fields = fields


class FoundSerializer(serializers.Serializer[Any]):
    """What a dry run found."""

    subject = serializers.CharField()
    subject_id = serializers.CharField()
    found = serializers.DictField(child=serializers.IntegerField())


@extend_schema_view(
    list=extend_schema(summary="List erasures, the newest first"),
    retrieve=extend_schema(summary="The progress and the report of an erasure"),
)
class ErasureViewSet(viewsets.GenericViewSet[Erasure], mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Erasing all traces of a document, a user, or your tenant."""

    permission_by_method = MANAGING
    serializer_class = ErasureSerializer
    queryset = Erasure.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Erasure]:
        principal = caller(self.request)
        principal.require_whole_tenant()
        return erasures_of(principal.tenant_id)

    @extend_schema(
        summary="Erase all traces of a document, a user, or your tenant",
        request=NewErasureSerializer,
        responses={202: ErasureSerializer, 200: FoundSerializer},
    )
    @answering("not_found")
    @idempotent()
    def create(self, request: Request) -> Response:
        """A job does it; nothing brings it back. With `dry_run` 200 and what would be erased. Asking again resumes one that
        failed.
        """
        caller(request).require_whole_tenant()
        body = NewErasureSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said, tenant_id = body.validated_data, caller(request).tenant_id
        about: dict[str, Any] = {"subject": said["subject"], "subject_id": said["id"], "tenant_id": tenant_id}
        if said["dry_run"]:
            found = erasure_find(**about, actor=acting(request))
            told = {"subject": said["subject"], "subject_id": said["id"], "found": found}
            return Response(FoundSerializer(told).data)
        asked = erasure_ask(**about, actor=acting(request))
        return Response(ErasureSerializer(asked).data, status=status.HTTP_202_ACCEPTED)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(ErasureSerializer(self.get_object()).data)
