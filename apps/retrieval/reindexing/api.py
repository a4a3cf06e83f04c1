"""The REST door to re-indexing: parse, call a service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.documents import OF_WORK
from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_base_visible, told_of_all
from apps.retrieval.models import GenerationState, IndexGeneration, Reindex
from apps.retrieval.reindexing.asking import reindex_request, request_plan
from apps.retrieval.reindexing.dropping import generation_drop, generation_etag
from apps.retrieval.reindexing.serializers import (
    GenerationSerializer,
    NewReindexSerializer,
    ReindexPlanSerializer,
    ReindexSerializer,
)
from apps.retrieval.reindexing.services import (
    reindex_cancel,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
)
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_schemas import answering


class ReindexViewSet(viewsets.GenericViewSet[Reindex]):
    """Re-indexes of a knowledge base, while its searches go on."""

    permission_by_method = OF_WORK
    serializer_class = ReindexSerializer
    queryset = Reindex.objects.none()

    def get_queryset(self) -> QuerySet[Reindex]:
        rows = Reindex.objects.filter(knowledge_base=self._knowledge_base())
        return rows.select_related("generation__model_version__model")

    @extend_schema(summary="List the re-indexes of a knowledge base", responses=ReindexSerializer(many=True))
    def list(self, request: Request, knowledge_base: UUID) -> Response:
        """The newest first: `state` and `text` describe the progress."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ReindexSerializer(page, many=True, context=self._context()).data)

    @extend_schema(
        summary="Start a re-index",
        request=NewReindexSerializer,
        responses={202: ReindexSerializer, 200: ReindexPlanSerializer},
    )
    @answering("conflict", "model_not_found", "model_changed", "invalid_chunking", "chunks_too_long")
    @idempotent()
    def create(self, request: Request, knowledge_base: UUID) -> Response:
        """202: a generation is built beside the live one; watch the list. 200: with `dry_run`, what it would take, by the
        documents that you may see.
        """
        base, body = self._knowledge_base(), NewReindexSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = dict(body.validated_data)
        dry_run = fields.pop("dry_run")
        asked = reindex_request(base, **fields)
        if dry_run:
            return Response(ReindexPlanSerializer(request_plan(base, asked, principal=caller(request))).data)
        return self._accepted(reindex_start(base, asked, actor=acting(request), principal=caller(request)))

    @extend_schema(
        summary="Switch to the new generation, even if it was refused",
        request=None,
        responses={202: ReindexSerializer},
    )
    @answering("conflict")
    @idempotent()
    @action(detail=False, methods=["post"])
    def switch(self, request: Request, knowledge_base: UUID) -> Response:
        """At once, or as soon as it is brought up to date."""
        return self._accepted(reindex_switch(self._knowledge_base(), actor=acting(request)))

    @extend_schema(summary="Switch back to the previous generation", request=None, responses={202: ReindexSerializer})
    @answering("conflict")
    @idempotent()
    @action(detail=False, methods=["post"])
    def rollback(self, request: Request, knowledge_base: UUID) -> Response:
        """At once, or as soon as it is brought up to date."""
        return self._accepted(reindex_rollback(self._knowledge_base(), actor=acting(request)))

    @extend_schema(summary="Resume a re-index that failed", request=None, responses={202: ReindexSerializer})
    @answering("conflict")
    @idempotent()
    @action(detail=False, methods=["post"])
    def resume(self, request: Request, knowledge_base: UUID) -> Response:
        """It continues where it stopped."""
        return self._accepted(reindex_resume(self._knowledge_base(), actor=acting(request)))

    @extend_schema(summary="Cancel a re-index", request=None, responses={202: ReindexSerializer})
    @answering("conflict")
    @idempotent()
    @action(detail=False, methods=["post"])
    def cancel(self, request: Request, knowledge_base: UUID) -> Response:
        """What it built is removed; the live generation keeps answering."""
        return self._accepted(reindex_cancel(self._knowledge_base(), actor=acting(request)))

    def _accepted(self, reindex: Reindex) -> Response:
        return Response(ReindexSerializer(reindex, context=self._context()).data, status=status.HTTP_202_ACCEPTED)

    def _context(self) -> dict[str, bool]:
        return {"of_all": told_of_all(caller(self.request), self._knowledge_base())}

    def _knowledge_base(self) -> KnowledgeBase:
        return knowledge_base_visible(caller(self.request), self.kwargs["knowledge_base"])


class GenerationViewSet(viewsets.GenericViewSet[IndexGeneration]):
    """The index generations of a knowledge base: the live one, and those that are built or kept."""

    permission_by_method = OF_WORK
    serializer_class = GenerationSerializer
    queryset = IndexGeneration.objects.none()
    lookup_value_converter = "str"

    def get_queryset(self) -> QuerySet[IndexGeneration]:
        base: Any = knowledge_base_visible(caller(self.request), self.kwargs["knowledge_base"])
        rows = IndexGeneration.objects.filter(knowledge_base=base).exclude(state=GenerationState.DROPPED)
        return rows.select_related("model_version__model")

    @extend_schema(summary="List the index generations of a knowledge base", responses=GenerationSerializer(many=True))
    def list(self, request: Request, knowledge_base: UUID) -> Response:
        """The newest first."""
        return self.get_paginated_response(
            GenerationSerializer(self.paginate_queryset(self.get_queryset()), many=True).data
        )

    @extend_schema(summary="Look at a generation", parameters=[ETAG], responses=GenerationSerializer)
    def retrieve(self, request: Request, knowledge_base: UUID, pk: str) -> Response:
        """With its `ETag`."""
        found = self._generation(pk)
        return Response(GenerationSerializer(found).data, headers={"ETag": generation_etag(found)})

    @extend_schema(summary="Drop a generation that no longer answers", parameters=[IF_MATCH], responses={204: None})
    @answering("conflict")
    def destroy(self, request: Request, knowledge_base: UUID, pk: str) -> Response:
        """With its vectors; it can no longer be rolled back to."""
        generation_drop(self._generation(pk), actor=acting(request), condition=condition_of(request.headers))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _generation(self, pk: str) -> IndexGeneration:
        found = self.get_queryset().filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
        if found is None:
            raise NotFoundError(f"There is no generation {pk} of this knowledge base.")
        return found
