"""`edits/` below a document: what people change in its text."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.serializers import ActorField, VersionSerializer
from apps.documents.lifecycle.editing import MOST_EDITS, document_edit, document_edits_undo, edits_of
from apps.documents.lifecycle.edits import Edit, EditKind, edit_kind
from apps.documents.models import Document, DocumentVersion, TextEdit
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.parsing import BoundedJSONParser
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.strictness import StrictSerializer

LARGEST_PLACE = 2**31 - 1
VERSION_HELP = "The version that answers, whose text the caller saw; 409 if another one answers by now."


class NewEditSerializer(StrictSerializer):
    """What stands in the place of a span: nothing leaves it out, and a span without characters adds."""

    start = serializers.IntegerField(
        min_value=0, max_value=LARGEST_PLACE, help_text="First character in the version's text."
    )
    end = serializers.IntegerField(min_value=0, max_value=LARGEST_PLACE, help_text="Character after the last.")
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)


class NewEditsSerializer(StrictSerializer):
    """Edits that are made together, in one new version."""

    version = serializers.UUIDField(help_text=VERSION_HELP)
    edits = serializers.ListField(child=NewEditSerializer(), allow_empty=False, min_length=1, max_length=MOST_EDITS)


class UndoneEditsSerializer(StrictSerializer):
    """Edits that are taken back together, in one new version."""

    version = serializers.UUIDField(help_text=VERSION_HELP)
    edits = serializers.ListField(
        child=serializers.IntegerField(), allow_empty=False, min_length=1, max_length=MOST_EDITS, help_text="Their ids."
    )


class EditSerializer(serializers.ModelSerializer[TextEdit]):
    """An edit of the version that answers; the span is one of its upload's parsed text."""

    kind = serializers.SerializerMethodField()
    made_by = ActorField(help_text="Who made it.")

    class Meta:
        model = TextEdit
        fields = ("id", "kind", "start", "end", "old_text", "text", "made_by", "made_at")
        read_only_fields = fields

    def get_kind(self, edit: TextEdit) -> EditKind:
        return edit_kind(edit.start, edit.end, edit.text)


class DocumentEditsMixin:
    """`edits/` and `edits/undo/` below a document."""

    @extend_schema(
        summary="List the edits of the version that answers",
        methods=["GET"],
        responses=EditSerializer(many=True),
        filters=False,
    )
    @extend_schema(
        summary="Edit the text", methods=["POST"], request=NewEditsSerializer, responses={202: VersionSerializer}
    )
    @answering("conflict", methods=["POST"])
    @idempotent(atomic=True)
    @action(detail=True, methods=["get", "post"], filterset_class=None, parser_classes=(BoundedJSONParser,))
    def edits(self: Any, request: Request, pk: UUID) -> Response:
        """The edits, in the order of the text; or make a new version with more, while the current one keeps answering."""
        document: Document = self.get_object()
        if request.method == "GET":
            rows = edits_of(document.current_version_id) if document.current_version_id else TextEdit.objects.none()
            listed: Response = self.get_paginated_response(EditSerializer(self.paginate_queryset(rows), many=True).data)
            return listed
        body = NewEditsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        edits = [Edit(one["start"], one["end"], one["text"]) for one in said["edits"]]
        version = _version(document, said["version"])
        return _accepted(document_edit(document=document, version=version, edits=edits, actor=acting(request)))

    @extend_schema(summary="Take edits back", request=UndoneEditsSerializer, responses={202: VersionSerializer})
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"], url_path="edits/undo")
    def edits_undo(self: Any, request: Request, pk: UUID) -> Response:
        """Make a new version that says again what its upload says in the place of some edits."""
        document: Document = self.get_object()
        body = UndoneEditsSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        version, ids = _version(document, body.validated_data["version"]), set(body.validated_data["edits"])
        made = document_edits_undo(document=document, version=version, edit_ids=ids, actor=acting(request))
        return _accepted(made)


def _version(document: Document, version_id: UUID) -> DocumentVersion:
    found = document.versions.filter(pk=version_id).first()
    if found is None:
        raise NotFoundError(f"There is no version {version_id} of this document.")
    return found


def _accepted(version: DocumentVersion) -> Response:
    return Response(VersionSerializer(version).data, status=status.HTTP_202_ACCEPTED)
