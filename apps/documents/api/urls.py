"""The REST door for documents that are fetched."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from apps.documents.api.documents import READ_AND_WRITE, require_for, uploaded_response
from apps.documents.api.serializers import FromUrlSerializer, UploadedSerializer
from apps.documents.intake.fetching import document_upload_from_url, url_ingestion_check
from apps.documents.rights.access import knowledge_base_visible
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.problem_codes import FILES
from ragsite.gateway.problem_schemas import answering


class FromUrlViewSet(viewsets.GenericViewSet[Any]):
    """Documents from addresses, if the operator allows it."""

    permission_by_method = READ_AND_WRITE
    serializer_class = FromUrlSerializer

    @extend_schema(
        tags=["documents"],
        operation_id="documents_from_url_create",
        summary="Fetch a document from an address",
        request=FromUrlSerializer,
        responses={202: UploadedSerializer, 200: UploadedSerializer},
    )
    @answering(
        *FILES, "not_found", "conflict", "invalid_chunking", "url_ingestion_off", "url_forbidden", "url_refused",
        "url_unreachable",
    )  # fmt: skip
    @idempotent()
    def create(self, request: Request) -> Response:
        """The document at `url` is fetched now, and then treated like an upload."""
        url_ingestion_check()
        body = FromUrlSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        require_for(request, body.validated_data["restricted"])
        fields = dict(body.validated_data)
        url, knowledge_base_id = fields.pop("url"), fields.pop("knowledge_base")
        knowledge_base = knowledge_base_visible(caller(request), knowledge_base_id)
        fields |= {"knowledge_base": knowledge_base, "principal": caller(request), "actor": acting(request)}
        return uploaded_response(document_upload_from_url(url, **fields))
