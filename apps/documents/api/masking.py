"""How the masking of a knowledge base looks over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.documents.masking.settings import MaskingMode, MaskingSettings
from ragsite.core.masking.kinds import Kind

MASKING_HELP = (
    'Which values are masked, and where, e.g. {"mode": "at_answer", "kinds": ["email", "phone"]}. A change is applied to the '
    "documents that are there by a job."
)
MASKING_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "mode": {"type": "string", "enum": [one.value for one in MaskingMode]},
        "kinds": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [one.value for one in Kind]}},
    },
}


@extend_schema_field(MASKING_SCHEMA)
class MaskingField(serializers.DictField):
    """Masking settings, as they were given."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value: dict[str, Any] = super().to_internal_value(data)
        MaskingSettings.from_dict(value)
        return value
