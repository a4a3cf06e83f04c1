"""How it looks over HTTP what was done to a version when, and in which trace."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.documents.lifecycle.timelines import version_timeline, version_trace_id
from apps.documents.models import DocumentVersion
from ragsite.core.timelines import MarkKind

MARK_KINDS = [one.value for one in MarkKind]


class MarkSerializer(serializers.Serializer[Any]):
    """A part of the work on a version, by the stage that it belongs to."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=MARK_KINDS)
    at = serializers.FloatField(help_text="Milliseconds after the first part began.")
    milliseconds = serializers.FloatField()
    failed = serializers.CharField(required=False, help_text="By which code it failed.")


class TimelineSerializer(serializers.Serializer[Any]):
    """What a version with its stages is told with."""

    timeline = serializers.SerializerMethodField(
        help_text="What was done when, in its order: waiting for each stage, attempts that failed, and the last one."
    )
    trace_id = serializers.SerializerMethodField(
        help_text="The trace of whoever last asked for work on it, by W3C Trace Context; empty if it was part of none."
    )

    @extend_schema_field(MarkSerializer(many=True))
    def get_timeline(self, version: DocumentVersion) -> list[dict[str, Any]]:
        return version_timeline(version, now=timezone.now())

    @extend_schema_field({"type": "string"})
    def get_trace_id(self, version: DocumentVersion) -> str:
        return version_trace_id(version)
