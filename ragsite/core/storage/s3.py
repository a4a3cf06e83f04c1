"""Blobs in a bucket that speaks S3. Imported only where the setting asks for it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from ragsite.core.storage.places import FIRST_SETTING, S3Place
from ragsite.core.storage.s3_client import (
    HURRIED,
    WORKING,
    Told,
    bucket_check,
    code_of,
    refusal,
    s3_errors,
    s3_resource,
)

PART_BYTES = 8 * 1024 * 1024
"""A blob of more goes up in parts of this size; two or three of them are in memory at a time."""

DELETED_AT_ONCE = 1_000
"""As many keys as one request may delete."""

_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME = re.compile(f"{_ID}/{_ID}")


class S3Blobs(S3Storage):
    """django-storages' S3 with one client a process, streams in both directions, and pages in the order of keys.

    Objects appear whole or not at all: an upload in parts that fails is aborted. In a bucket that is shared with others only keys
    that look like ours are seen, so nobody else's are ever swept.
    """

    is_local = False

    def __init__(self, *, named_by: str = FIRST_SETTING, hurried: bool = False, **options: Any) -> None:
        parts = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)
        super().__init__(**options, transfer_config=parts, file_overwrite=True)
        self._place = S3Place(self.bucket_name, self.location, self.endpoint_url, self.region_name)
        self._told = Told(named_by=named_by)
        self._patience = HURRIED if hurried else WORKING
        self._prefix = f"{self.location}/" if self.location else ""

    @property
    def connection(self) -> Any:
        return s3_resource(self._place, self._patience)

    @property
    def bucket(self) -> Any:
        return self.connection.Bucket(self.bucket_name)

    def _save(self, name: str, content: Any) -> str:
        with self._errors():
            return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """The object as it streams in; it can't be sought in."""
        with self._errors():
            try:
                found = self._client.get_object(Bucket=self.bucket_name, Key=self._key(name))
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise FileNotFoundError(name) from error
                raise
        return _Streamed(found["Body"], name, self._errors)

    def remove(self, names: Collection[str]) -> None:
        """A thousand a request."""
        keys = [self._key(name) for name in names]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            self._delete(keys[start : start + DELETED_AT_ONCE])

    def names_after(self, position: str, *, limit: int) -> list[str]:
        """A request for each thousand keys, however many there are before."""
        names = (name for name, _ in self._entries(position))
        return list(islice(names, limit))

    def older_than(self, names: Collection[str], seconds: float) -> list[str]:
        """Lists the keys between the first and the last of the names, instead of asking for each."""
        wanted = set(names)
        if not wanted:
            return []
        moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
        first, last = min(wanted), max(wanted)
        old = []
        # What a listing begins after is left out, so it begins a little before the first.
        for name, written in self._entries(first[:-1]):
            if name > last:
                break
            if name in wanted and written < moment:
                old.append(name)
        return old

    def check(self) -> None:
        bucket_check(self._place, self._told)

    def _errors(self) -> AbstractContextManager[None]:
        return s3_errors(self.bucket_name, self._told)

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _entries(self, after: str) -> Iterator[tuple[str, datetime.datetime]]:
        """Names after that one, in order, each with when it was written."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=self._prefix, StartAfter=self._key(after)
        )
        with self._errors():
            for page in pages:
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(self._prefix)
                    if _NAME.fullmatch(name):
                        yield name, entry["LastModified"]

    def _delete(self, keys: Sequence[str]) -> None:
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with self._errors():
            told = self._client.delete_objects(Bucket=self.bucket_name, Delete=listed)
        for error in told.get("Errors", ()):
            raise refusal(self.bucket_name, error.get("Code", ""), error.get("Message", ""), self._told)


class _Streamed(File):  # type: ignore[type-arg]
    """An object's body; what breaks off while it is read is a TransientError."""

    def __init__(self, body: Any, name: str, errors: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(body, name)
        self._body, self._errors = body, errors

    def read(self, size: int = -1) -> bytes:
        with self._errors():
            return bytes(self._body.read(None if size < 0 else size))

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        while piece := self.read(chunk_size or self.DEFAULT_CHUNK_SIZE):
            yield piece
