"""How an upload reaches the disk: streamed, and refused as soon as it is over the limit."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler

from ragsite.core.errors import PermanentError


class UploadTooLargeError(PermanentError):
    """The body or one file is over RAGSITE_MAX_UPLOAD_MB."""

    code = "upload_too_large"
    status = 413
    action = "Split the document, or ask the operator to raise RAGSITE_MAX_UPLOAD_MB."


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Writes to a temporary file, and stops reading a file that is too large instead of filling the disk with it."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > settings.RAGSITE_MAX_UPLOAD_BYTES:
            raise upload_too_large(self.file_name)
        super().receive_data_chunk(raw_data, start)


def upload_too_large(name: Any) -> UploadTooLargeError:
    limit = settings.RAGSITE_MAX_UPLOAD_BYTES // (1024 * 1024)
    return UploadTooLargeError(f"{str(name)[:80]!r} is larger than the {limit} MB one document may have.")
