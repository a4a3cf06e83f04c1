"""The REST door to documents and their versions: parse, call a service, answer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters.rest_framework import FilterSet, MultipleChoiceFilter, UUIDFilter
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from apps.documents.api.edits import DocumentEditsMixin
from apps.documents.api.files import DocumentFileMixin, VersionFileMixin
from apps.documents.api.grants import GrantsMixin
from apps.documents.api.serializers import (
    NEWEST,
    ChangeSerializer,
    ChunkSerializer,
    DocumentChangeSerializer,
    DocumentSerializer,
    FileSerializer,
    RollbackSerializer,
    UploadedSerializer,
    UploadSerializer,
    VersionDetailSerializer,
    VersionSerializer,
)
from apps.documents.intake.uploads import Upload, UploadOutcome, UploadRequest, document_upload
from apps.documents.lifecycle.chunks import chunks_of_version
from apps.documents.lifecycle.diffs import version_diff
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import (
    Document,
    DocumentVersion,
    VersionStatus,
)
from apps.documents.rights.access import (
    documents_visible,
    knowledge_base_visible,
    versions_visible,
)
from apps.documents.services.documents import document_delete, document_etag, document_update
from ragsite.core.composing import spellings
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.authentication import Wanted, acting, caller
from ragsite.gateway.conditions import ETAG, IF_MATCH, condition_of
from ragsite.gateway.idempotency import idempotent
from ragsite.gateway.models import Permission
from ragsite.gateway.parsing import BoundedJSONParser
from ragsite.gateway.problem_codes import FILES
from ragsite.gateway.problem_schemas import answering
from ragsite.gateway.strictness import TextFilter

READS: Wanted = (Permission.READ, Permission.WORK)
WORKS: Wanted = (Permission.WRITE, Permission.WORK)
"""What the work on documents asks for: reading tells how it stands, writing steers it, and either is for who looks after it."""

OF_WORK: dict[str, Wanted] = {"GET": READS, "HEAD": READS, "OPTIONS": READS, "POST": WORKS, "DELETE": Permission.WRITE}

READ_AND_WRITE: dict[str, Wanted] = {
    "GET": Permission.READ,
    "HEAD": Permission.READ,
    "OPTIONS": Permission.READ,
    "POST": Permission.WRITE,
    "PUT": Permission.WRITE,
    "PATCH": Permission.WRITE,
    "DELETE": Permission.WRITE,
}


class DocumentFilter(FilterSet):
    """By id, and not by a choice of knowledge bases: another tenant's finds nothing, as if it did not exist."""

    knowledge_base = UUIDFilter("knowledge_base_id")
    external_id = TextFilter(method="in_any_spelling")

    class Meta:
        model = Document
        fields = ()

    def in_any_spelling(self, documents: QuerySet[Document], name: str, value: str) -> QuerySet[Document]:
        """However its characters are composed."""
        return documents.filter(**{f"{name}__in": spellings(value)})


@extend_schema_view(list=extend_schema(summary="List documents"))
class DocumentViewSet(
    DocumentFileMixin, DocumentEditsMixin, GrantsMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    """Documents of the knowledge bases you may see."""

    permission_by_method = READ_AND_WRITE
    serializer_class = DocumentSerializer
    queryset = Document.objects.none()
    filterset_class = DocumentFilter
    parser_classes = (MultiPartParser, BoundedJSONParser)
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Document]:
        return documents_visible(caller(self.request)).prefetch_related(NEWEST)

    @extend_schema(summary="Look at one", parameters=[ETAG], responses=DocumentSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """With its `ETag`."""
        return _document_response(self.get_object())

    @extend_schema(
        summary="Upload a document",
        request={"multipart/form-data": UploadSerializer},
        responses={202: UploadedSerializer, 200: UploadedSerializer},
    )
    @answering(*FILES, "not_found", "conflict", "invalid_chunking")
    @idempotent()
    def create(self, request: Request) -> Response:
        """202: accepted, watch `version.url`. 200: these bytes are already there, nothing new was made."""
        body = UploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        require_for(request, body.validated_data["restricted"])
        fields = dict(body.validated_data)
        file, knowledge_base_id = fields.pop("file"), fields.pop("knowledge_base")
        knowledge_base = knowledge_base_visible(caller(request), knowledge_base_id)
        upload = UploadRequest(
            knowledge_base=knowledge_base,
            filename=_client_name(request),
            parts=file.chunks(),
            principal=caller(request),
            **fields,
        )
        return uploaded_response(document_upload(upload, actor=acting(request)))

    @extend_schema(
        summary="Upload a new version",
        parameters=[IF_MATCH],
        request={"multipart/form-data": FileSerializer},
        responses={202: UploadedSerializer, 200: UploadedSerializer},
    )
    @answering(*FILES, "conflict")
    @idempotent()
    def update(self, request: Request, pk: UUID) -> Response:
        """The current version keeps answering until the new one is ready."""
        return _new_version(request, self.get_object())

    @extend_schema(
        summary="Change what is said about a document",
        parameters=[IF_MATCH, ETAG],
        request=DocumentChangeSerializer,
        responses=DocumentSerializer,
    )
    @answering("conflict", "invalid_chunking")
    @idempotent(atomic=True)
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Title, metadata, external id, or whether only a grant lets it be read, none of which re-indexes anything; or chunking,
        which re-chunks the document while its current chunks keep answering.
        """
        document = self.get_object()
        body = DocumentChangeSerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        require_for(request, "restricted" in body.validated_data)
        condition = condition_of(request.headers)
        changed = document_update(document=document, actor=acting(request), condition=condition, **body.validated_data)
        return _document_response(changed)

    @extend_schema(summary="Delete a document", parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        condition = condition_of(request.headers)
        document_delete(document=self.get_object(), actor=acting(request), condition=condition)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="List a document's versions", methods=["GET"], responses=VersionSerializer(many=True), filters=False
    )
    @extend_schema(
        summary="Upload a new version",
        methods=["POST"],
        request={"multipart/form-data": FileSerializer},
        responses={202: UploadedSerializer, 200: UploadedSerializer},
    )
    @answering(*FILES, "conflict", methods=["POST"])
    @idempotent()
    @action(detail=True, methods=["get", "post"], filterset_class=None)
    def versions(self, request: Request, pk: UUID) -> Response:
        """The versions of a document, the newest first; or upload a new one, while the current one keeps answering."""
        document = self.get_object()
        if request.method == "POST":
            return _new_version(request, document)
        return _page(self, document.versions.order_by("-number"), VersionSerializer)

    @extend_schema(summary="Let another version answer", request=RollbackSerializer, responses=DocumentSerializer)
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: UUID) -> Response:
        """Go back to an earlier version that is ready, at once and without embedding anything."""
        document, body = self.get_object(), RollbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        version = document.versions.filter(pk=body.validated_data["version"]).first()
        if version is None:
            raise NotFoundError(f"There is no version {body.validated_data['version']} of this document.")
        changed = document_rollback(document=document, version=version, actor=acting(request))
        return Response(DocumentSerializer(changed).data)


class VersionFilter(FilterSet):
    """By status: `status=failed` lists the versions that failed, with the reason. Several statuses are alternatives."""

    status = MultipleChoiceFilter(choices=VersionStatus.choices)
    document = UUIDFilter("document_id")
    knowledge_base = UUIDFilter("document__knowledge_base_id")


@extend_schema_view(
    list=extend_schema(summary="List versions, such as those that failed", responses=VersionSerializer(many=True)),
    retrieve=extend_schema(summary="The progress of a version"),
)
class VersionViewSet(
    VersionFileMixin, viewsets.GenericViewSet[DocumentVersion], mixins.ListModelMixin, mixins.RetrieveModelMixin
):
    """Versions: their progress, why they wait or failed, and the chunks they were split into."""

    permission_by_method = OF_WORK
    serializer_class = VersionDetailSerializer
    queryset = DocumentVersion.objects.none()
    filterset_class = VersionFilter
    parameters_by_action = {"diff": ("against",)}
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[DocumentVersion]:
        return versions_visible(caller(self.request))

    def get_serializer_class(self) -> type[BaseSerializer[DocumentVersion]]:
        return VersionSerializer if self.action == "list" else VersionDetailSerializer

    @extend_schema(summary="List a version's chunks", responses=ChunkSerializer(many=True))
    @action(detail=True, methods=["get"], filterset_class=None, permission_by_method=READ_AND_WRITE)
    def chunks(self, request: Request, pk: UUID) -> Response:
        """The chunks of a version, in the order of its text."""
        return _page(self, chunks_of_version(self.get_object()), ChunkSerializer)

    @extend_schema(
        summary="Compare with another version",
        parameters=[OpenApiParameter("against", UUID, required=True, description="The older version.")],
        responses=ChangeSerializer(many=True),
        filters=False,
    )
    @answering("conflict")
    @action(detail=True, methods=["get"], pagination_class=None, permission_by_method=READ_AND_WRITE)
    def diff(self, request: Request, pk: UUID) -> Response:
        """The lines that differ between the version `against` and this one."""
        new, against = self.get_object(), _uuid(request.query_params.get("against", ""), "against")
        old = self.get_queryset().filter(pk=against).first()
        if old is None:
            raise NotFoundError(f"There is no version {against}.")
        return Response(ChangeSerializer(version_diff(old=old, new=new), many=True).data)

    @extend_schema(summary="Cancel the work on a version", request=None, responses={202: VersionSerializer})
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Stop the work; an earlier version, if any, keeps answering. A retry resumes it."""
        version = version_cancel(version=self.get_object(), actor=acting(request))
        return Response(VersionSerializer(version).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="Retry a version that stopped", request=None, responses={202: VersionSerializer})
    @answering("conflict")
    @idempotent(atomic=True)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: UUID) -> Response:
        """Retry a version that failed or was cancelled."""
        version = version_retry(version=self.get_object(), actor=acting(request))
        return Response(VersionSerializer(version).data, status=status.HTTP_202_ACCEPTED)


def uploaded_response(upload: Upload) -> Response:
    """The answer to an upload: 202 if there is something to watch, 200 if the bytes were already there."""
    body = {"outcome": upload.outcome.value, "document": upload.version.document_id, "version": upload.version}
    code = status.HTTP_200_OK if upload.outcome is UploadOutcome.UNCHANGED else status.HTTP_202_ACCEPTED
    return Response(UploadedSerializer(body).data, status=code)


def _document_response(document: Document) -> Response:
    return Response(DocumentSerializer(document).data, headers={"ETag": document_etag(document)})


def _new_version(request: Request, document: Document) -> Response:
    body = FileSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    upload = UploadRequest(
        knowledge_base=document.knowledge_base,
        document=document,
        principal=caller(request),
        condition=condition_of(request.headers),
        filename=_client_name(request),
        parts=body.validated_data["file"].chunks(),
    )
    return uploaded_response(document_upload(upload, actor=acting(request)))


def require_for(request: Request, changes_rights: bool) -> None:
    """Only callers who manage grants may say who reads something; the permission to write is not enough."""
    if changes_rights:
        caller(request).require(Permission.GRANTS)


def _page(view: viewsets.GenericViewSet[Any], rows: QuerySet[Any], serializer: type[BaseSerializer[Any]]) -> Response:
    return view.get_paginated_response(serializer(view.paginate_queryset(rows), many=True).data)


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PermanentError(f"{field}={text[:60]!r} is not a UUID.", action="Give a version's id.") from None


def _client_name(request: Request) -> str:
    """The file's name as the client sent it; Django keeps only its last part."""
    file: Any = request.data["file"]
    return str(file.name)
