"""The REST door to grants: who may read a knowledge base or a document.

Callers who manage grants need no right to read what they are about: only ids and names of subjects are shown.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.models import Document, Grant, KnowledgeBase
from apps.documents.rights.access import documents_manageable, knowledge_bases_manageable
from apps.documents.rights.grants import GrantRequest, Resource, Subject, grant_create, grant_delete
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import ApiKey, Permission
from ragsite.gateway.parsing import BoundedJSONParser
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.strictness import StrictSerializer

MANAGE = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST", "DELETE"), Permission.GRANTS)


class GrantSerializer(serializers.ModelSerializer[Grant]):
    """One of `user`, `group` and `api_key` is given."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True, help_text="A user's name.")
    group = serializers.CharField(source="group.name", default=None, allow_null=True, help_text="A group's name.")
    api_key = serializers.UUIDField(source="api_key_id", default=None, allow_null=True, help_text="A key's id.")

    class Meta:
        model = Grant
        fields = ("id", "knowledge_base", "document", "user", "group", "api_key", "granted_by", "created_at")
        read_only_fields = fields


class GrantBodySerializer(StrictSerializer):
    """To whom: exactly one of the three."""

    openapi = {"minProperties": 1, "maxProperties": 1}

    user = serializers.CharField(max_length=150, required=False, help_text="The name of a member of the tenant.")
    group = serializers.CharField(max_length=150, required=False, help_text="The name of a group with such a member.")
    api_key = serializers.UUIDField(required=False, help_text="The id of a key of the tenant.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError(f"Give exactly one of user, group and api_key, not {len(attrs)} of them.")
        return attrs


class GrantsMixin(viewsets.GenericViewSet[Any]):
    """Adds the grants of a knowledge base or document to its routes."""

    @extend_schema(summary="List who may read it", methods=["GET"], responses=GrantSerializer(many=True), filters=False)
    @extend_schema(
        summary="Share it with somebody",
        methods=["POST"],
        request=GrantBodySerializer,
        responses={201: GrantSerializer},
    )
    @answering("conflict", methods=["POST"])
    @idempotent(atomic=True)
    @action(
        detail=True, methods=["get", "post"], filter_backends=(), permission_by_method=MANAGE,
        parser_classes=[BoundedJSONParser],
    )  # fmt: skip
    def grants(self, request: Request, pk: UUID) -> Response:
        """The grants on it, the newest first; or add one. It takes effect with the next request."""
        resource = self._resource(pk)
        if request.method == "GET":
            rows = resource.grants.select_related("user", "group").order_by("-id")
            return self.get_paginated_response(GrantSerializer(self.paginate_queryset(rows), many=True).data)
        body = GrantBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        subject = _subject(caller(request), **body.validated_data)
        made = grant_create(GrantRequest(resource=resource, subject=subject), actor=acting(request))
        return Response(GrantSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="Take a grant back", responses={204: None})
    @action(
        detail=True, methods=["delete"], url_path="grants/<uuid:grant_id>", permission_by_method=MANAGE,
        parser_classes=[BoundedJSONParser],
    )  # fmt: skip
    def grant(self, request: Request, pk: UUID, grant_id: UUID) -> Response:
        """It takes effect with the next request."""
        found = self._resource(pk).grants.filter(pk=grant_id).first()
        if found is None:
            raise NotFoundError(f"There is no grant {grant_id} on it.")
        grant_delete(grant=found, actor=acting(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _resource(self, pk: UUID) -> Resource:
        principal = caller(self.request)
        rows: QuerySet[KnowledgeBase] | QuerySet[Document] = (
            documents_manageable(principal)
            if self.queryset is not None and self.queryset.model is Document
            else knowledge_bases_manageable(principal)
        )
        found = rows.filter(pk=pk).first()
        if found is None:
            raise NotFoundError(f"There is no {rows.model._meta.verbose_name} {pk}.")
        return found


def _subject(
    principal: Principal, *, user: str | None = None, group: str | None = None, api_key: UUID | None = None
) -> Subject:
    """Subjects outside the tenant do not exist for the caller."""
    found: Subject | None = None
    if user is not None:
        found = User.objects.filter(username=user, memberships__tenant_id=principal.tenant_id).first()
    elif group is not None:
        members = Group.objects.filter(user__memberships__tenant_id=principal.tenant_id)
        found = members.filter(name=group).first()
    elif api_key is not None:
        found = ApiKey.objects.filter(pk=api_key, tenant_id=principal.tenant_id).first()
    if found is None:
        raise NotFoundError(f"There is no such user, group or API key in the tenant: {user or group or api_key}.")
    return found
