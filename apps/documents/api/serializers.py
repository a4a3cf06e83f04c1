"""How knowledge bases, documents, versions and chunks look over HTTP."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.documents.api.masking import MASKING_HELP, MaskingField
from apps.documents.api.setting_fields import (
    CHUNKING_HELP,
    CHUNKING_SCHEMA,
    RETRIEVAL_HELP,
    ChunkingField,
    RetrievalField,
)
from apps.documents.api.timelines import TimelineSerializer
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.document_names import NAME
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.lifecycle.diffs import ChangeKind
from apps.documents.lifecycle.progress import version_progress
from apps.documents.metadata import metadata_fault
from apps.documents.models import (
    Chunk,
    Document,
    DocumentVersion,
    KnowledgeBase,
    ParsedText,
    StageRecord,
    VersionOrigin,
    VersionStatus,
)
from apps.documents.tags import InvalidTagsError, tags_cleaned, tags_read
from ragsite.core.actors import actor_text
from ragsite.gateway.strictness import StrictSerializer

OUTCOMES = [outcome.value for outcome in UploadOutcome]


TAGS_HELP = "Words to filter searches by; in a form separated by commas."
OVERRIDE_HELP = "Chunking settings that replace those of the knowledge base, for this document; one or more of them."


class ActorField(serializers.CharField):
    """Who acted, in words; null if that was not recorded."""

    def __init__(self, **kwargs: Any) -> None:
        about = "Who asked for it, such as `ada, admin` or `key CI, API`."
        super().__init__(source="actor", read_only=True, allow_null=True, **{"help_text": about, **kwargs})

    def to_representation(self, value: Any) -> str:
        return actor_text(value)


@extend_schema_field({"type": "object", "additionalProperties": True})
class AnyObjectField(serializers.JSONField):
    """A JSON object."""


@extend_schema_field({"type": "object", "additionalProperties": True})
class PlaceField(serializers.JSONField):
    """Where in its file a chunk is; null where files have no places."""


class KnowledgeBaseSerializer(StrictSerializer, serializers.ModelSerializer[KnowledgeBase]):
    """A collection of documents that are searched together."""

    chunking = ChunkingField(required=False, help_text=CHUNKING_HELP)
    retrieval = RetrievalField(required=False, help_text=RETRIEVAL_HELP)
    masking = MaskingField(required=False, help_text=MASKING_HELP)

    class Meta:
        model = KnowledgeBase
        fields = ("id", "name", "description", "chunking", "retrieval", "masking", "visibility", "parts", "created_at")

    def validate_chunking(self, value: dict[str, Any]) -> dict[str, Any]:
        return ChunkingSettings.chosen(value).to_dict()


class KnowledgeBaseChangeSerializer(StrictSerializer, serializers.ModelSerializer[KnowledgeBase]):
    """What can be changed later; changing the chunking, or the parts of the index, takes a new index generation."""

    retrieval = RetrievalField(required=False, help_text=RETRIEVAL_HELP)
    masking = MaskingField(required=False, help_text=MASKING_HELP)

    class Meta:
        model = KnowledgeBase
        fields = ("name", "description", "retrieval", "masking", "visibility")
        extra_kwargs = {field: {"required": False} for field in fields}


class StageSerializer(serializers.ModelSerializer[StageRecord]):
    seconds = serializers.FloatField(read_only=True, allow_null=True)
    asked_by = ActorField(help_text="Who asked for it, or cancelled it.")

    class Meta:
        model = StageRecord
        fields = (
            "stage",
            "outcome",
            "attempts",
            "worker",
            "begun_at",
            "started_at",
            "finished_at",
            "seconds",
            "error_code",
            "error",
            "asked_by",
        )


class VersionSerializer(serializers.ModelSerializer[DocumentVersion]):
    url = serializers.SerializerMethodField(help_text="Where to watch this version's status.")
    status_text = serializers.CharField(source="get_status_display", read_only=True)
    asked_by = ActorField(
        help_text="Who last asked for work on it: an upload, an edit, other chunking, a retry, a cancellation."
    )
    origin = serializers.ChoiceField(
        choices=VersionOrigin.choices, read_only=True, help_text="Whether an upload, other chunking or an edit made it."
    )

    class Meta:
        model = DocumentVersion
        fields = (
            "id", "url", "document", "number", "filename", "document_type", "content_hash", "size", "status",
            "status_text", "error_code", "error", "attempts", "chunk_count", "origin", "rechunk_of", "asked_by",
            "created_at", "ready_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, version: DocumentVersion) -> str:
        return reverse("version-detail", args=[version.pk])


class ProgressSerializer(serializers.Serializer[Any]):
    """Why a version is in its present state, and what comes next."""

    text = serializers.CharField()
    stage = serializers.CharField(allow_null=True)
    ahead = serializers.IntegerField(
        allow_null=True,
        help_text="Versions of the same tenant that come before this one, counted up to 1,000. Tenants take turns, so "
        "those of others do not matter.",
    )
    workers = serializers.IntegerField(allow_null=True, help_text="Workers that listen for the stage.")
    next_try_at = serializers.DateTimeField(allow_null=True)


CHANGE_KINDS = [kind.value for kind in ChangeKind]


class ChangeSerializer(serializers.Serializer[Any]):
    """Lines that differ; spans are characters of the older and of the newer parsed text."""

    kind = serializers.ChoiceField(choices=CHANGE_KINDS)
    old_start = serializers.IntegerField()
    old_end = serializers.IntegerField()
    new_start = serializers.IntegerField()
    new_end = serializers.IntegerField()
    old_text = serializers.CharField()
    new_text = serializers.CharField()


class RollbackSerializer(StrictSerializer):
    version = serializers.UUIDField(help_text="A version of the document that is ready.")


class VersionDetailSerializer(TimelineSerializer, VersionSerializer):
    progress = serializers.SerializerMethodField()
    stages = StageSerializer(many=True, read_only=True, help_text="The version's timeline.")
    finds = serializers.SerializerMethodField(
        help_text="How many values of each kind its text has, where its knowledge base has them looked for."
    )

    class Meta:
        model = DocumentVersion
        fields = (*VersionSerializer.Meta.fields, "progress", "stages", "timeline", "trace_id", "finds")
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_finds(self, version: DocumentVersion) -> Any:
        return ParsedText.objects.filter(version=version).values_list("finds", flat=True).first() or {}

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, version: DocumentVersion) -> Any:
        return ProgressSerializer(version_progress(version)).data


_NEWEST_OF_EACH = DocumentVersion.objects.order_by("document_id", "-number").distinct("document_id")
NEWEST = Prefetch("versions", queryset=_NEWEST_OF_EACH, to_attr="newest_versions")
"""The newest version of each document of a page, in one query."""


class DocumentSerializer(serializers.ModelSerializer[Document]):
    name = serializers.CharField(read_only=True, help_text=NAME)
    metadata = AnyObjectField(read_only=True)
    chunking = ChunkingField(read_only=True, help_text=f"{OVERRIDE_HELP} Empty for none.")
    status = serializers.SerializerMethodField(help_text="Where its newest version stands.")
    current_version = VersionSerializer(read_only=True, allow_null=True, help_text="The version that answers.")
    newest_version = serializers.SerializerMethodField(help_text="The version that was made last.")

    class Meta:
        model = Document
        fields = (
            "id",
            "knowledge_base",
            "title",
            "name",
            "status",
            "external_id",
            "metadata",
            "tags",
            "document_type",
            "language",
            "chunking",
            "restricted",
            "content_hash",
            "current_version",
            "newest_version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=VersionStatus.choices, allow_null=True))
    def get_status(self, document: Document) -> str | None:
        newest = self._newest(document)
        return newest.status if newest else None

    @extend_schema_field(VersionSerializer(allow_null=True))
    def get_newest_version(self, document: Document) -> Any:
        newest = self._newest(document)
        return VersionSerializer(newest).data if newest else None

    def _newest(self, document: Document) -> DocumentVersion | None:
        if not hasattr(document, "newest_versions"):
            prefetch_related_objects([document], NEWEST)
        found: list[DocumentVersion] = document.newest_versions  # type: ignore[attr-defined]  # by the prefetch
        return found[0] if found else None


class ChunkSerializer(serializers.ModelSerializer[Chunk]):
    place = PlaceField(read_only=True, allow_null=True, help_text="Page, slide, sheet or pointer.")

    class Meta:
        model = Chunk
        fields = (
            "id",
            "ordinal",
            "start",
            "end",
            "text",
            "table_header",
            "context",
            "token_count",
            "heading_path",
            "place",
        )
        read_only_fields = fields


class FileSerializer(StrictSerializer):
    """New bytes for a known document."""

    file = serializers.FileField(allow_empty_file=True, help_text="The document's bytes.")


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.JSONField):
    """A JSON object that the database can hold."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = super().to_internal_value(data)
        except RecursionError as error:
            raise serializers.ValidationError(f"{self.field_name} is nested too deeply.") from error
        if not isinstance(value, dict):
            raise serializers.ValidationError(f"{self.field_name} must be a JSON object.")
        if fault := metadata_fault(value):
            raise serializers.ValidationError(f"{self.field_name} {fault}.")
        return value


@extend_schema_field(CHUNKING_SCHEMA)
class OverrideField(ObjectField):
    """Chunking settings of a document's own."""


class TagsField(serializers.ListField):
    """A document's tags; in a multipart form either one text that separates them by commas, or a field for each."""

    child = serializers.CharField(allow_blank=True)

    def get_value(self, dictionary: Any) -> Any:
        """A form field that is not there is not an empty list."""
        if self.field_name not in dictionary:
            return serializers.empty
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> list[str]:
        if isinstance(data, list) and not all(isinstance(one, str) for one in data):
            raise serializers.ValidationError("Each tag is a text.")
        given = super().to_internal_value(data)
        try:
            return tags_read(given[0]) if len(given) == 1 else tags_cleaned(given)
        except InvalidTagsError as error:
            raise serializers.ValidationError(error.sentence) from error


RESTRICTED_HELP = "Whether reading it takes a grant on the document itself; needs `grants:manage`."


class AboutSerializer(StrictSerializer):
    """What a caller says about a new document."""

    knowledge_base = serializers.UUIDField()
    title = serializers.CharField(max_length=300, required=False, default="", help_text="The file's name if not given.")
    external_id = serializers.CharField(
        max_length=200, required=False, default="", help_text="Your own id; a known one makes a new version."
    )
    metadata = ObjectField(required=False, default=dict)
    tags = TagsField(required=False, default=list, help_text=TAGS_HELP)
    chunking = OverrideField(required=False, default=dict, help_text=OVERRIDE_HELP)
    restricted = serializers.BooleanField(required=False, default=False, help_text=RESTRICTED_HELP)


class UploadSerializer(FileSerializer, AboutSerializer):
    """A multipart upload."""


class FromUrlSerializer(AboutSerializer):
    """A document to be fetched."""

    url = serializers.CharField(max_length=2000, help_text="http or https.")
    external_id = serializers.CharField(
        max_length=200, required=False, default="", help_text="Your own id; the address if not given."
    )


class DocumentChangeSerializer(StrictSerializer):
    """What may be changed about a document."""

    title = serializers.CharField(max_length=300, required=False)
    metadata = ObjectField(required=False)
    tags = TagsField(required=False, help_text="All of them; an empty list removes them.")
    chunking = OverrideField(required=False, help_text=f"{OVERRIDE_HELP} An empty object removes them.")
    external_id = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="Empty takes it away."
    )
    restricted = serializers.BooleanField(required=False, help_text=RESTRICTED_HELP)


class UploadedSerializer(serializers.Serializer[Any]):
    """The result of an upload."""

    outcome = serializers.ChoiceField(choices=OUTCOMES)
    document = serializers.UUIDField()
    version = VersionSerializer()
