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
from apps.documents.rights.grants import GrantRequest, Resource, Subject, grant_create, grant_delete, grant_etag
from apps.documents.rights.readers import readers_explained, readers_of_resource
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import ApiKey, Permission, Role
from ragsite.gateway.parsing import BoundedJSONParser
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.roles import GRANTED_ROLES
from ragsite.gateway.strictness import StrictSerializer

MANAGE = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST", "DELETE"), Permission.GRANTS)


class GrantSerializer(serializers.ModelSerializer[Grant]):
    """One of `user`, `group` and `api_key` is given."""

    user = serializers.CharField(source="user.username", default=None, allow_null=True, help_text="A user's name.")
    group = serializers.CharField(source="group.name", default=None, allow_null=True, help_text="A group's name.")
    api_key = serializers.UUIDField(source="api_key_id", default=None, allow_null=True, help_text="A key's id.")

    class Meta:
        model = Grant
        fields = ("id", "knowledge_base", "document", "user", "group", "api_key", "role", "granted_by", "created_at")
        read_only_fields = fields


class GrantBodySerializer(StrictSerializer):
    """To whom: exactly one of `user`, `group` and `api_key`; and as what."""

    openapi = {"minProperties": 1, "maxProperties": 2}

    user = serializers.CharField(max_length=150, required=False, help_text="The name of a member of the tenant.")
    group = serializers.CharField(max_length=150, required=False, help_text="The name of a group with such a member.")
    api_key = serializers.UUIDField(required=False, help_text="The id of a key of the tenant.")
    role = serializers.ChoiceField(
        [role.value for role in GRANTED_ROLES], required=False,
        help_text="What people may in a knowledge base beside their role in the tenant; to read is what all may.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = len(attrs.keys() - {"role"})
        if named != 1:
            raise serializers.ValidationError(f"Give exactly one of user, group and api_key, not {named} of them.")
        return attrs


class ReasonSerializer(serializers.Serializer[Any]):
    """Why somebody reads it."""

    code = serializers.ChoiceField(
        ["tenant", "grant", "administers", "superuser"],
        help_text="Everybody of the tenant may; by a grant; by permissions given in the admin; a superuser.",
    )
    text = serializers.CharField(help_text="For people.")
    grant = serializers.UUIDField(source="grant.pk", default=None, allow_null=True, help_text="The grant's id.")
    role = serializers.CharField(
        source="grant.role", default=None, allow_null=True, help_text="What it lets people do."
    )


class ReaderSerializer(serializers.Serializer[Any]):
    """A person or an API key."""

    kind = serializers.ChoiceField(["user", "api_key"])
    id = serializers.CharField(help_text="Of the user or the key.")
    name = serializers.CharField()
    reasons = ReasonSerializer(many=True)


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
        fields = dict(body.validated_data)
        role = fields.pop("role", Role.READER)
        subject = _subject(caller(request), **fields)
        made = grant_create(GrantRequest(resource, subject, role), actor=acting(request))
        return Response(GrantSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(summary="List who can see it, and why", responses=ReaderSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], filter_backends=(), permission_by_method=MANAGE)
    def readers(self, request: Request, pk: UUID) -> Response:
        """Everybody who can see it, people before keys, each with all reasons. Without those, nobody does."""
        resource = self._resource(pk)
        page = readers_explained(resource, self.paginate_queryset(readers_of_resource(resource)) or ())
        return self.get_paginated_response(ReaderSerializer(page, many=True).data)

    @extend_schema(summary="Look at a grant", methods=["GET"], parameters=[ETAG], responses=GrantSerializer)
    @extend_schema(summary="Take a grant back", methods=["DELETE"], parameters=[IF_MATCH], responses={204: None})
    @action(
        detail=True, methods=["get", "delete"], url_path="grants/<uuid:grant_id>", permission_by_method=MANAGE,
        parser_classes=[BoundedJSONParser], filter_backends=(), pagination_class=None,
    )  # fmt: skip
    def grant(self, request: Request, pk: UUID, grant_id: UUID) -> Response:
        """With its `ETag`; or take it back, which takes effect with the next request."""
        found = self._resource(pk).grants.select_related("user", "group").filter(pk=grant_id).first()
        if found is None:
            raise NotFoundError(f"There is no grant {grant_id} on it.")
        if request.method == "GET":
            return Response(GrantSerializer(found).data, headers={"ETag": grant_etag(found)})
        grant_delete(grant=found, actor=acting(request), condition=condition_of(request.headers))
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
