"""How deletions of knowledge bases look over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.documents.api.serializers import ActorField
from apps.documents.models import KnowledgeBaseDeletion
from ragsite.gateway.authentication import caller
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission

NUMBERS = ("document_total", "document_told", "document_gone")


class DeletionSerializer(serializers.ModelSerializer[KnowledgeBaseDeletion]):
    """`id` is that of the deletion; `text` describes its progress in words. How many documents there were is for who deleted it,
    and for callers that manage grants.
    """

    document_total = serializers.IntegerField(read_only=True, allow_null=True)
    document_told = serializers.IntegerField(read_only=True, allow_null=True)
    document_gone = serializers.IntegerField(read_only=True, allow_null=True)
    name = serializers.CharField(source="knowledge_base.name", read_only=True)
    text = serializers.CharField(source="in_words", read_only=True)
    asked_by = ActorField()

    class Meta:
        model = KnowledgeBaseDeletion
        fields = (
            "id", "knowledge_base", "name", "state", "document_total", "document_told", "document_gone", "text", "error",
            "asked_by", "created_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: KnowledgeBaseDeletion) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        if _told_of_numbers(caller(self.context["request"]), instance):
            return told
        return told | dict.fromkeys(NUMBERS) | {"text": instance.get_state_display() + "."}


def _told_of_numbers(principal: Principal, deletion: KnowledgeBaseDeletion) -> bool:
    """Which documents there were is no longer known, so nobody can ask whether some were hidden from the caller."""
    actor, asked = principal.actor(), deletion.actor or {}
    return (asked.get("kind"), asked.get("id")) == (
        actor.kind,
        actor.id,
    ) or Permission.GRANTS.value in principal.permissions
