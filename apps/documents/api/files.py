"""The bytes of a version, as they were uploaded."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from apps.documents.blobs import blob_open
from apps.documents.models import DocumentVersion
from apps.documents.rights.originals import file_check
from ragsite.core.actors import Actor
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.errors import NotFoundError
from ragsite.gateway.authentication import acting, caller
from ragsite.gateway.models import Permission
from ragsite.gateway.problem_schemas import answering

BYTES = "application/octet-stream"


class BytesRenderer(BaseRenderer):
    """Lets a client accept whatever it wants: the bytes are what they are."""

    media_type = "*/*"
    format = "bytes"
    charset = None

    def render(self, data: Any, *_: Any, **__: Any) -> Any:
        return data


DOWNLOAD = extend_schema(summary="Download the uploaded file", responses={(200, BYTES): OpenApiTypes.BINARY})

MISSING = answering("blob_missing", "blob_damaged", "storage_failed")


def file_response(version: DocumentVersion, *, method: str | None, may_change: bool, actor: Actor) -> FileResponse:
    """The version's file, to be saved and never to be shown: whoever uploaded it chose what is in it. Who gets it is in the audit
    log.

    Raises:
        PermissionDeniedError: values are masked there, and who asks may not change documents.
        BlobMissingError: its bytes are gone.
        BlobDamagedError: they are not those that were uploaded.
        TransientError: they can't be read now.
    """
    file_check(version, may_change=may_change)
    name, opened = version.filename, blob_open(version.blob, sha256=version.content_hash)
    if method == "GET":
        on = AuditObject("document", str(version.document_id), version.document.title, version.document.tenant_id)
        details = {"version_id": version.pk, "number": version.number, "filename": name}
        act_record(Act("document.downloaded", on, details), actor=actor)
    response = FileResponse(opened, as_attachment=True, filename=name, content_type=BYTES)
    response["Content-Length"] = version.size
    response["Cache-Control"] = "private, no-store"
    return response


class VersionFileMixin:
    """`file/` below a version."""

    @DOWNLOAD
    @MISSING
    @action(
        detail=True, methods=["get"], filterset_class=None, renderer_classes=[BytesRenderer],
        permission_by_method={"GET": Permission.READ, "HEAD": Permission.READ, "OPTIONS": Permission.READ},
    )  # fmt: skip
    def file(self, request: Request, pk: Any) -> FileResponse:
        """The bytes of this version, whatever became of them. Where values are masked, for who may change documents."""
        version = self.get_object()  # type: ignore[attr-defined]  # a mixin of view sets
        return file_response(version, method=request.method, may_change=_may_change(request), actor=acting(request))


class DocumentFileMixin:
    """`file/` below a document."""

    @DOWNLOAD
    @MISSING
    @action(detail=True, methods=["get"], filterset_class=None, renderer_classes=[BytesRenderer])
    def file(self, request: Request, pk: Any) -> FileResponse:
        """The bytes of the version that answers; of the newest one where none does yet. Where values are masked, for who may
        change documents.
        """
        document = self.get_object()  # type: ignore[attr-defined]  # a mixin of view sets
        version = document.current_version or document.versions.order_by("-number").first()
        if version is None:
            raise NotFoundError(f"Document {document.pk} has no version yet.")
        return file_response(version, method=request.method, may_change=_may_change(request), actor=acting(request))


def _may_change(request: Request) -> bool:
    return Permission.WRITE in caller(request).permissions
