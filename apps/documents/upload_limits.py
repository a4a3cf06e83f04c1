"""How an upload reaches the disk: streamed, and refused as soon as it is over the limit."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

from django.core.files.uploadhandler import TemporaryFileUploadHandler

from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import PermanentError, TransientError


class UploadTooLargeError(PermanentError):
    """The body or one file is over RAGSITE_MAX_UPLOAD_MB."""

    code = "upload_too_large"
    status = 413
    action = "Split the document, or ask the operator to raise RAGSITE_MAX_UPLOAD_MB."


class LimitedUploadHandler(TemporaryFileUploadHandler):
    """Writes to a temporary file, and stops reading a file that is too large instead of filling the disk with it."""

    def new_file(self, field_name: str, file_name: str, *about: Any, **more: Any) -> None:
        """The temporary file does not end as the client's does: an ending may be too long for the file system."""
        with storage_errors():
            super().new_file(field_name, "upload", *about, **more)
        self.file_name = self.file.name = file_name

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > UploadSettings.current().max_bytes:
            raise upload_too_large(self.file_name)
        with storage_errors():
            super().receive_data_chunk(raw_data, start)


class ManyFilesUploadHandler(LimitedUploadHandler):
    """Of a file that is too large no more is written, but the request is read on: the other files are still taken.

    Such a file's `size` is what was sent, so that it can be named and refused.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) <= UploadSettings.current().max_bytes:
            super().receive_data_chunk(raw_data, start)


def upload_too_large(name: Any) -> UploadTooLargeError:
    limit = UploadSettings.current().max_megabytes
    return UploadTooLargeError(f"{str(name)[:80]!r} is larger than the {limit} MB one document may have.")


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Within the block, a disk that takes no bytes is a TransientError: `storage_full` or `storage_failed`."""
    try:
        yield
    except OSError as error:
        raise _storage_error(error) from error


def _storage_error(error: OSError) -> TransientError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TransientError(
            "The storage for documents is full.",
            code="storage_full",
            status=507,
            action="Free some space, then upload again.",
        )
    return TransientError(
        f"The storage for documents cannot be written: {error.strerror}.",
        code="storage_failed",
        action="Check RAGSITE_DATA_DIR, then upload again.",
    )
