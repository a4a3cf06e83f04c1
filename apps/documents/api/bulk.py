"""The REST door for many files in one request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.documents import READ_AND_WRITE
from apps.documents.api.serializers import BulkResultSerializer, BulkSerializer
from apps.documents.intake.bulk import BulkRequest, documents_upload
from apps.documents.intake.sources import arrived
from apps.documents.rights.access import knowledge_base_visible
from apps.documents.upload_limits import ManyFilesUploadHandler
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_schemas import answering


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
        bulk = BulkRequest(
            knowledge_base=knowledge_base_visible(caller(request), fields["knowledge_base"]),
            files=arrived(fields["files"]),
            metadata=fields["metadata"],
            tags=fields["tags"],
            chunking=fields["chunking"],
            principal=caller(request),
        )
        return Response(BulkResultSerializer({"results": documents_upload(bulk, actor=acting(request))}).data)
