"""The REST door to knowledge bases and their deletions: parse, call a service, answer."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django_filters.rest_framework import FilterSet, MultipleChoiceFilter, UUIDFilter
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.deletions import DeletionSerializer
from apps.documents.api.documents import OF_WORK, READ_AND_WRITE, require_for
from apps.documents.api.grants import GrantsMixin
from apps.documents.api.serializers import (
    KnowledgeBaseChangeSerializer,
    KnowledgeBaseSerializer,
)
from apps.documents.models import (
    DeletionState,
    KnowledgeBase,
    KnowledgeBaseDeletion,
    Visibility,
)
from apps.documents.rights.access import (
    deletions_visible,
    knowledge_bases_visible,
)
from apps.documents.services.deleting import knowledge_base_deletion_resume
from apps.documents.services.knowledge_bases import (
    knowledge_base_create,
    knowledge_base_delete,
    knowledge_base_etag,
    knowledge_base_update,
)
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_schemas import answering


@extend_schema_view(list=extend_schema(summary="List knowledge bases"))
class KnowledgeBaseViewSet(GrantsMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin):
    """Collections of documents that are searched together."""

    permission_by_method = READ_AND_WRITE
    serializer_class = KnowledgeBaseSerializer
    queryset = KnowledgeBase.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[KnowledgeBase]:
        return knowledge_bases_visible(caller(self.request))

    @extend_schema(summary="Look at one", parameters=[ETAG], responses=KnowledgeBaseSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """With its `ETag`."""
        return _base_response(self.get_object())

    @extend_schema(summary="Make a knowledge base", responses={201: KnowledgeBaseSerializer})
    @answering("conflict", "invalid_chunking", "invalid_retrieval", "invalid_masking")
    @idempotent(atomic=True)
    def create(self, request: Request) -> Response:
        body = KnowledgeBaseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        is_narrowed = body.validated_data.get("visibility") == Visibility.RESTRICTED
        require_for(request, is_narrowed or "masking" in body.validated_data)
        caller(request).require_whole_tenant()
        made = knowledge_base_create(tenant_id=caller(request).tenant_id, actor=acting(request), **body.validated_data)
        return Response(KnowledgeBaseSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Change what is said about one, or who may read it",
        parameters=[IF_MATCH, ETAG],
        request=KnowledgeBaseChangeSerializer,
        responses=KnowledgeBaseSerializer,
    )
    @answering("conflict", "invalid_retrieval", "invalid_masking")
    @idempotent(atomic=True)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """`visibility` and `masking` decide on what others see, and take the permission to manage grants."""
        body = KnowledgeBaseChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        require_for(request, bool({"visibility", "masking"} & body.validated_data.keys()))
        changed = knowledge_base_update(
            knowledge_base=self.get_object(),
            actor=acting(request),
            condition=condition_of(request.headers),
            **body.validated_data,
        )
        return _base_response(changed)

    @extend_schema(
        summary="Delete one with all its documents",
        parameters=[IF_MATCH],
        responses={
            204: OpenApiResponse(description="Gone from every search; `Location` says where to watch its removal.")
        },
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """It disappears from every search and list at once. A job removes its documents. 403 where it has documents that you
        may not see, unless you manage grants.
        """
        deletion = knowledge_base_delete(
            knowledge_base=self.get_object(),
            actor=acting(request),
            principal=caller(request),
            condition=condition_of(request.headers),
        )
        where = {"Location": reverse("knowledge-base-deletion-detail", args=[deletion.pk])}
        return Response(status=status.HTTP_204_NO_CONTENT, headers=where)


class DeletionFilter(FilterSet):
    """By state, or by the knowledge base that was deleted."""

    state = MultipleChoiceFilter(choices=DeletionState.choices)
    knowledge_base = UUIDFilter("knowledge_base_id")


@extend_schema_view(
    list=extend_schema(summary="List deletions of knowledge bases"),
    retrieve=extend_schema(summary="The progress of a deletion"),
)
class KnowledgeBaseDeletionViewSet(
    viewsets.GenericViewSet[KnowledgeBaseDeletion], mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    """Knowledge bases that were deleted, and how much of them is removed."""

    permission_by_method = OF_WORK
    serializer_class = DeletionSerializer
    queryset = KnowledgeBaseDeletion.objects.none()
    filterset_class = DeletionFilter
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[KnowledgeBaseDeletion]:
        return deletions_visible(caller(self.request))

    @extend_schema(summary="Resume a deletion that failed", request=None, responses={202: DeletionSerializer})
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"], filterset_class=None)
    def resume(self, request: Request, pk: UUID) -> Response:
        """It continues where it stopped; no event is emitted twice."""
        deletion = knowledge_base_deletion_resume(deletion=self.get_object(), actor=acting(request))
        told = DeletionSerializer(deletion, context=self.get_serializer_context())
        return Response(told.data, status=status.HTTP_202_ACCEPTED)


def _base_response(base: KnowledgeBase) -> Response:
    return Response(KnowledgeBaseSerializer(base).data, headers={"ETag": knowledge_base_etag(base)})
