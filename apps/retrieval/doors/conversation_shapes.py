"""Conversations as the REST API shows them."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from apps.documents.document_names import NAME
from apps.retrieval.answers.conversations import ReadTurn
from apps.retrieval.models import LONGEST_TITLE, Citation, Conversation
from ragsite.gateway.strictness import StrictSerializer

WITHDRAWN = "No longer readable: it quotes what was deleted since, or what you may not read any more."


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    knowledge_bases = serializers.ListField(
        child=serializers.UUIDField(), source="knowledge_base_ids", read_only=True, help_text="Empty for all there are."
    )

    class Meta:
        model = Conversation
        fields: ClassVar[tuple[str, ...]] = (
            "id", "title", "knowledge_bases", "turn_count", "created_at", "last_at",
        )  # fmt: skip
        read_only_fields: ClassVar[tuple[str, ...]] = fields


class NewConversationSerializer(StrictSerializer):
    """A new conversation. Without a title it has that of its first question."""

    title = serializers.CharField(max_length=LONGEST_TITLE, required=False, allow_blank=True, default="")
    knowledge_bases = serializers.ListField(child=serializers.UUIDField(), max_length=50, required=False, default=list)


class ConversationChangeSerializer(StrictSerializer):
    """What may be changed about a conversation."""

    title = serializers.CharField(max_length=LONGEST_TITLE, required=False)


class TurnCitationSerializer(serializers.ModelSerializer[Citation]):
    document = serializers.UUIDField(source="version.document_id", read_only=True)
    title = serializers.CharField(source="version.document.title", read_only=True)
    name = serializers.CharField(source="version.document.name", read_only=True, help_text=NAME)
    version_number = serializers.IntegerField(source="version.number", read_only=True)
    heading_path = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Citation
        fields = (
            "id", "claim", "document", "title", "name", "version", "version_number", "heading_path", "start", "end", "quote",
        )  # fmt: skip
        read_only_fields = fields


class TurnAnswerSerializer(serializers.Serializer[Any]):
    """More of it is at `/api/v1/answers/{id}`."""

    id = serializers.UUIDField(source="pk")
    text = serializers.CharField()
    found = serializers.BooleanField()
    citations = TurnCitationSerializer(many=True)
    rating = serializers.SerializerMethodField()

    def get_rating(self, answer: Any) -> str | None:
        """What the one who asked said of it."""
        return answer.feedback.rating if hasattr(answer, "feedback") else None


class TurnSerializer(serializers.Serializer[ReadTurn]):
    """A question, what it was understood as (empty if as asked), and its answer: null, with a `note`, if `withdrawn`."""

    turn = serializers.IntegerField(source="query.turn")
    question = serializers.CharField(source="query.question")
    searched_for = serializers.CharField()
    asked_at = serializers.DateTimeField(source="query.created_at")
    withdrawn = serializers.BooleanField(source="is_withdrawn")
    note = serializers.SerializerMethodField(help_text="Why there is no answer; empty where there is one.")
    answer = TurnAnswerSerializer(allow_null=True)

    def get_note(self, turn: ReadTurn) -> str:
        return WITHDRAWN if turn.is_withdrawn else ""


class ConversationDetailSerializer(ConversationSerializer):
    turns = TurnSerializer(many=True, read_only=True, source="turns_read")

    class Meta(ConversationSerializer.Meta):
        fields: ClassVar = (*ConversationSerializer.Meta.fields, "turns")
        read_only_fields = fields
