"""The REST door to conversations: parse, call a service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.rights.access import versions_visible
from apps.retrieval.answers.conversations import (
    conversation_begin,
    conversation_delete,
    conversation_etag,
    conversation_rename,
    conversations_of,
    turns_of,
)
from apps.retrieval.doors.conversation_shapes import (
    ConversationChangeSerializer,
    ConversationDetailSerializer,
    ConversationSerializer,
    NewConversationSerializer,
)
from apps.retrieval.models import Conversation
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import answering

QUERYING = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"), Permission.QUERY)


@extend_schema_view(list=extend_schema(summary="List your conversations, the latest first"))
class ConversationViewSet(viewsets.GenericViewSet[Conversation], mixins.ListModelMixin):
    """Questions of one caller that belong together; they are asked at `/api/v1/ask`."""

    permission_by_method = QUERYING
    serializer_class = ConversationSerializer
    queryset = Conversation.objects.none()
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Conversation]:
        return conversations_of(caller(self.request))

    @extend_schema(
        summary="Begin a conversation", request=NewConversationSerializer, responses={201: ConversationSerializer}
    )
    @answering("not_found")
    @idempotent(atomic=True)
    def create(self, request: Request) -> Response:
        """About some knowledge bases, or about all that the key may see."""
        body = NewConversationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        begun = conversation_begin(
            principal=caller(request),
            title=body.validated_data["title"],
            knowledge_base_ids=body.validated_data["knowledge_bases"],
            actor=acting(request),
        )
        return Response(ConversationSerializer(begun).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="Look at one with its questions and answers", parameters=[ETAG], responses=ConversationDetailSerializer
    )
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """An answer that quotes what the key may not read any more is withdrawn."""
        conversation = self.get_object()
        conversation.turns_read = turns_of(conversation, versions=versions_visible(caller(request)))  # type: ignore[attr-defined]
        return _told(ConversationDetailSerializer(conversation).data, conversation)

    @extend_schema(
        summary="Rename one", parameters=[IF_MATCH, ETAG], request=ConversationChangeSerializer,
        responses=ConversationSerializer,
    )  # fmt: skip
    @idempotent(atomic=True)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        conversation, body = self.get_object(), ConversationChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        renamed = conversation_rename(
            conversation=conversation, title=body.validated_data.get("title"), actor=acting(request),
            condition=condition_of(request.headers),
        )  # fmt: skip
        return _told(ConversationSerializer(renamed).data, renamed)

    @extend_schema(summary="Delete one with its questions and answers", parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        condition = condition_of(request.headers)
        conversation_delete(conversation=self.get_object(), actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _told(data: Any, conversation: Conversation) -> Response:
    return Response(data, headers={"ETag": conversation_etag(conversation)})
