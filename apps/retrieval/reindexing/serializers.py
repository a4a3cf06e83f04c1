"""How re-indexes and generations look over HTTP."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.documents.api.setting_fields import ChunkingField
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import PartsBy
from apps.retrieval.models import IndexGeneration, Reindex, SwitchMode
from apps.retrieval.reindexing.asking import MARGIN
from apps.retrieval.reindexing.progress import reindex_progress
from ragsite.gateway.strictness import StrictSerializer


class NewReindexSerializer(StrictSerializer):
    """Fields that are left out keep their values."""

    model = serializers.CharField(
        max_length=200, required=False, help_text="A registered model's name, or a version's id."
    )
    chunking = ChunkingField(required=False, help_text="Chunking settings; one or more of them.")
    switch = serializers.ChoiceField(
        choices=SwitchMode.values,
        default=SwitchMode.AUTO.value,
        help_text="Whether it answers when the quality did not fall.",
    )
    margin = serializers.FloatField(
        min_value=0, max_value=1, default=MARGIN, help_text="How far nDCG@10 may fall before the switch is refused."
    )
    parts = serializers.ChoiceField(
        choices=PartsBy.choices,
        required=False,
        help_text="By what the vectors of the new generation are kept in parts.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Say what it would take, and start nothing.")


class ComparedSerializer(serializers.Serializer[Any]):
    set = serializers.CharField()
    before_run = serializers.UUIDField()
    after_run = serializers.UUIDField()
    before = serializers.FloatField(required=False, help_text="nDCG@10 of the generation that answers.")
    after = serializers.FloatField(required=False, help_text="nDCG@10 of the new one.")
    p = serializers.FloatField(required=False)
    questions = serializers.IntegerField(required=False)


OF_SOME = "It stopped; why is told to callers that see all documents, or manage grants."
COUNTED = ("chunk_total", "chunk_done", "embedded", "reused")


class ChunkingToldField(serializers.DictField):
    """Chunking settings as people choose them."""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return ChunkingSettings.from_dict(value).to_dict()


class ReindexSerializer(serializers.ModelSerializer[Reindex]):
    """Numbers of chunks and the words of an error, which may name a document, are for callers that see all documents, or manage
    grants: those for whom the context says `of_all`.
    """

    chunk_total = serializers.IntegerField(read_only=True, allow_null=True)
    chunk_done = serializers.IntegerField(read_only=True, allow_null=True)
    embedded = serializers.IntegerField(read_only=True, allow_null=True)
    reused = serializers.IntegerField(read_only=True, allow_null=True)
    model = serializers.CharField(source="generation.model_version", default=None, allow_null=True)
    chunking = ChunkingToldField(source="generation.chunking", default=None, allow_null=True)
    comparison = ComparedSerializer(many=True)
    share = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField(help_text="Where it stands, in words.")

    class Meta:
        model = Reindex
        fields = (
            "id", "state", "text", "share", "seconds_left", "is_rollback", "generation", "previous", "model", "chunking",
            "switch", "margin", "chunk_total", "chunk_done", "embedded", "reused", "comparison", "note", "error",
            "asked_by", "switched_by", "created_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Reindex) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        if self.context["of_all"]:
            return told
        error = OF_SOME if instance.error else ""
        text = " ".join(filter(None, [f"{instance.get_state_display()}.", instance.note, error]))
        return told | dict.fromkeys(COUNTED) | {"text": text, "error": error}

    def get_share(self, reindex: Reindex) -> float:
        return round(reindex_progress(reindex).share, 4)

    def get_seconds_left(self, reindex: Reindex) -> float | None:
        return reindex_progress(reindex).seconds_left

    def get_text(self, reindex: Reindex) -> str:
        return reindex_progress(reindex).text


class ReindexPlanSerializer(serializers.Serializer[Any]):
    """What a re-index would take, by the documents that the caller may see. Numbers of chunks yet to be cut are estimates."""

    model = serializers.CharField()
    dimensions = serializers.IntegerField()
    chunking = serializers.DictField()
    documents = serializers.IntegerField()
    versions = serializers.IntegerField()
    chunks = serializers.IntegerField()
    is_estimate = serializers.BooleanField()
    vectors = serializers.IntegerField(help_text="Those that the model has to make.")
    reused = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True, help_text="Chunks a second, measured now.")
    seconds = serializers.FloatField(allow_null=True)
    megabytes = serializers.FloatField()


class GenerationSerializer(serializers.ModelSerializer[IndexGeneration]):
    model = serializers.CharField(source="model_version")
    has_hnsw = serializers.BooleanField(
        source="has_index", read_only=True, help_text="Whether it has an HNSW index, or one of its parts has."
    )

    class Meta:
        model = IndexGeneration
        fields = (
            "id", "state", "model", "dimensions", "chunking", "store", "parts", "has_hnsw", "quantised", "created_at",
            "retired_at",
        )  # fmt: skip
        read_only_fields = fields
