"""Settings of a knowledge base or document, as they look over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.documents.chunking.settings import LARGEST_SIZE, SMALLEST_SIZE, ChunkContext, ChunkingStrategy
from apps.documents.retrieval_settings import SHARES, Fusion, Mode, RetrievalSettings

CHUNKING_HELP = (
    'Chunking settings, e.g. {"strategy": "sentence", "size": 220, "overlap": 32, "context": "headings"}, in tokens.'
)
RETRIEVAL_HELP = (
    'How it is searched if a request does not say, e.g. {"mode": "hybrid", "fusion": "convex", "weight": 0.55, "names": 0.1, '
    '"same_page": 0.8}.'
)

CHUNKING_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "strategy": {"type": "string", "enum": [one.value for one in ChunkingStrategy]},
        "size": {"type": "integer", "minimum": SMALLEST_SIZE, "maximum": LARGEST_SIZE},
        "overlap": {"type": "integer", "minimum": 0, "maximum": LARGEST_SIZE // 2},
        "context": {"type": "string", "enum": [one.value for one in ChunkContext]},
    },
}
RETRIEVAL_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "mode": {"type": "string", "enum": [one.value for one in Mode]},
        "fusion": {"type": "string", "enum": [one.value for one in Fusion]},
        **{name: {"type": "number", "minimum": 0, "maximum": 1} for name in SHARES},
    },
}


@extend_schema_field(CHUNKING_SCHEMA)
class ChunkingField(serializers.DictField):
    """Chunking settings, some or all."""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return {name: one for name, one in super().to_representation(value).items() if name != "edition"}


@extend_schema_field(RETRIEVAL_SCHEMA)
class RetrievalField(serializers.DictField):
    """Retrieval settings, as they were given."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value: dict[str, Any] = super().to_internal_value(data)
        RetrievalSettings.from_dict(value)
        return value
