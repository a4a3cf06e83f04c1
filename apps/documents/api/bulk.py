"""The REST door for many files in one request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.documents import READ_AND_WRITE, require_for
from apps.documents.api.serializers import (
    OUTCOMES,
    OVERRIDE_HELP,
    RESTRICTED_HELP,
    ObjectField,
    OverrideField,
    TagsField,
    VersionSerializer,
)
from apps.documents.intake.bulk import BulkRequest, FileResult, documents_upload
from apps.documents.intake.sources import arrived
from apps.documents.rights.access import knowledge_base_visible
from apps.documents.upload_limits import ManyFilesUploadHandler
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.problems import problem
from ragsite.gateway.strictness import StrictSerializer


class BulkSerializer(StrictSerializer):
    """A multipart upload of many files."""

    knowledge_base = serializers.UUIDField()
    files = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True),
        allow_empty=False,
        min_length=1,
        help_text="Up to 100 files; each member of a ZIP counts as a document.",
    )
    metadata = ObjectField(required=False, default=dict, help_text="For each of the documents.")
    tags = TagsField(required=False, default=list, help_text="For each of the documents.")
    chunking = OverrideField(required=False, default=dict, help_text=f"{OVERRIDE_HELP} For each of the documents.")
    restricted = serializers.BooleanField(required=False, default=False, help_text=RESTRICTED_HELP)


class FileProblemSerializer(serializers.Serializer[Any]):
    """Why a file was refused: the problem that a request with this file alone would have got."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()


class FileResultSerializer(serializers.Serializer[FileResult]):
    """The result for one file."""

    filename = serializers.CharField(help_text="Of a ZIP's member `archive.zip/path/in/it`.")
    outcome = serializers.ChoiceField(choices=OUTCOMES, allow_null=True)
    document = serializers.UUIDField(source="version.document_id", allow_null=True, default=None)
    version = VersionSerializer(allow_null=True)
    error = serializers.SerializerMethodField(help_text="Null for a file that was accepted.")

    @extend_schema_field(FileProblemSerializer(allow_null=True))
    def get_error(self, result: FileResult) -> dict[str, Any] | None:
        return problem(result.error) if result.error else None


class BulkResultSerializer(serializers.Serializer[Any]):
    """The result for each file, in their order."""

    results = FileResultSerializer(many=True)


class BulkUploadViewSet(viewsets.GenericViewSet[Any]):
    """Many files in one request; each is accepted or refused by itself."""

    permission_by_method = READ_AND_WRITE
    serializer_class = BulkResultSerializer
    parser_classes = (MultiPartParser,)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """One file over the limit must not end the request."""
        request.upload_handlers = [ManyFilesUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(
        tags=["documents"],
        operation_id="documents_bulk_create",
        summary="Upload many documents",
        request={"multipart/form-data": BulkSerializer},
        responses={200: BulkResultSerializer},
    )
    @answering("not_found", "invalid_chunking", "too_many_files", "storage_failed", "storage_full")
    @idempotent()
    def create(self, request: Request) -> Response:
        """A result for each file, in their order; for a ZIP a result for each of its members."""
        body = BulkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        fields = body.validated_data
        require_for(request, fields["restricted"])
        bulk = BulkRequest(
            knowledge_base=knowledge_base_visible(caller(request), fields["knowledge_base"]),
            files=arrived(fields["files"]),
            metadata=fields["metadata"],
            tags=fields["tags"],
            chunking=fields["chunking"],
            restricted=fields["restricted"],
            principal=caller(request),
        )
        return Response(BulkResultSerializer({"results": documents_upload(bulk, actor=acting(request))}).data)
