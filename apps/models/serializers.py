"""How models, their versions and the work on them look over HTTP."""

from __future__ import annotations

from rest_framework import serializers

from apps.models.models import Model, ModelCache, ModelOrder, ModelTask, ModelVersion
from apps.models.prompts import LONGEST
from apps.models.servers.trial import TRIALS, Trial
from ragsite.core.actors import actor_text
from ragsite.core.environment import KEY_VARIABLE
from ragsite.core.server_urls import MOST_URLS
from ragsite.gateway.strictness import StrictSerializer


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """`error` says why a version failed."""

    model_name = serializers.CharField(source="model.name", read_only=True)
    urls = serializers.ListField(child=serializers.CharField(), read_only=True)
    has_key = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = (
            "id", "model", "model_name", "kind", "revision", "status", "error", "source", "sha256", "bytes", "licence",
            "dimensions", "max_tokens", "query_prompt", "document_prompt", "fallback", "urls", "server_model", "has_key",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_key(self, version: ModelVersion) -> bool:
        return bool(version.key_sealed or version.key_env)


class ModelSerializer(serializers.ModelSerializer[Model]):
    """A model with its versions, the newest first."""

    versions = ModelVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Model
        fields = ("id", "name", "kind", "is_default", "created_at", "versions")
        read_only_fields = fields


class ModelTaskSerializer(serializers.ModelSerializer[ModelTask]):
    """Work on a version's files: `bytes_done` of `bytes_total`, and `text` in words."""

    text = serializers.CharField(source="in_words", read_only=True)
    asked_by = serializers.SerializerMethodField()

    class Meta:
        model = ModelTask
        fields = (
            "id", "kind", "state", "text", "name", "source", "revision", "file", "sha256", "query_prompt", "document_prompt",
            "dimensions", "version", "bytes_done", "bytes_total", "error", "asked_by", "created_at", "ended_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_asked_by(self, task: ModelTask) -> str:
        return actor_text(task.actor)


class LoadedModelSerializer(serializers.ModelSerializer[ModelCache]):
    """A model in a worker's memory: `bytes` are its weights and what it takes while it computes."""

    model_name = serializers.CharField(source="version.model.name", read_only=True)

    class Meta:
        model = ModelCache
        fields = ("worker", "version", "model_name", "device", "bytes", "uses", "pinned", "loaded_at", "last_used_at")
        read_only_fields = fields


class ModelOrderSerializer(serializers.ModelSerializer[ModelOrder]):
    """What model workers were told, and what each of them answered, in words."""

    answers = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ModelOrder
        fields = ("id", "kind", "version", "worker", "answers", "created_at")
        read_only_fields = fields


class NewOrderSerializer(StrictSerializer):
    """To whom."""

    worker = serializers.CharField(max_length=120, required=False, help_text="One worker; else all of them.")


class FallbackSerializer(StrictSerializer):
    """The version that answers instead, or null."""

    version = serializers.UUIDField(allow_null=True)


class ConnectionSerializer(StrictSerializer):
    """A model at a server. Without `key` and `key_env` the key stays that was given before, for the same hosts."""

    name = serializers.CharField(max_length=200, help_text="What the model is called here.")
    kind = serializers.ChoiceField([kind.value for kind in TRIALS])
    urls = serializers.ListField(  # type: ignore[assignment]  # declared fields are no attributes of it
        child=serializers.CharField(max_length=500), min_length=1, max_length=MOST_URLS,
        help_text="`http://host:8000/v1`, one for each server of the model.",
    )  # fmt: skip
    model = serializers.CharField(max_length=200, help_text="What its servers call it.")
    key = serializers.CharField(max_length=4_000, required=False, write_only=True, help_text="Never given back.")
    key_env = serializers.RegexField(  # type: ignore[assignment]
        f"^{KEY_VARIABLE.pattern}$", required=False, help_text="The variable that holds the key instead."
    )
    max_tokens = serializers.IntegerField(min_value=1, max_value=100_000_000, required=False)
    query_prompt = serializers.CharField(
        max_length=1_000, required=False, allow_blank=True, trim_whitespace=False, help_text="An embedding model's."
    )
    document_prompt = serializers.CharField(
        max_length=1_000, required=False, allow_blank=True, trim_whitespace=False, help_text="An embedding model's."
    )
    by_default = serializers.BooleanField(default=False, help_text="Use it where no model is named.")


class TrialSerializer(serializers.Serializer[Trial]):
    """What came of asking a server: `answer`, or `code` and `error`, after so many `seconds`."""

    url = serializers.CharField(read_only=True)
    seconds = serializers.FloatField(read_only=True)
    answer = serializers.CharField(read_only=True)
    code = serializers.CharField(source="error.error_code", default="", read_only=True)
    error = serializers.CharField(source="error.sentence", default="", read_only=True)


def _prompt(reads: str) -> serializers.CharField:
    return serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=LONGEST,
        help_text=f'{reads}; "" for nothing. Else as its files or its family say.',
    )


class NewPullSerializer(StrictSerializer):
    """What is downloaded."""

    source = serializers.RegexField(  # type: ignore[assignment]  # declared fields are no attributes of it
        r"^[\w.-]+/[\w.-]+$", max_length=200, help_text="A repository of the hub: `owner/name`."
    )
    revision = serializers.CharField(max_length=64, help_text="The full hash of a commit.")
    name = serializers.CharField(max_length=200, required=False, help_text="The model's; else the repository's.")
    file = serializers.CharField(max_length=400, required=False, help_text="The weights, where there are several.")
    sha256 = serializers.CharField(max_length=64, required=False, help_text="What the weights must have.")
    query_prompt = _prompt("What the model reads before a question")
    document_prompt = _prompt("What the model reads before a passage")
    dimensions = serializers.IntegerField(
        required=False, min_value=1, max_value=65_536, help_text="Keep the first so many numbers of each vector."
    )
