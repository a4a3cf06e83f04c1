"""Backups in a bucket, by the client that the store of documents has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from ragsite.backups.places import PIECE_BYTES, Entry
from ragsite.core.storage.places import S3Place
from ragsite.core.storage.s3_client import Told, bucket_check, code_of, refusal, s3_errors, s3_resource
from ragsite.core.storage.store import Parts

PART_BYTES = 32 * 1024 * 1024
"""A file of more goes up in parts of this size, of which a file has 10,000 at most: 320 GB."""

DELETED_AT_ONCE = 1_000
TOLD = Told("The place of backups", "the place of backups")
_TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Objects below a prefix; each appears whole or not at all."""

    at: S3Place

    @property
    def address(self) -> str:
        return f"s3://{self.at.bucket}/{self.at.prefix}".rstrip("/")

    def check(self) -> None:
        bucket_check(self.at, TOLD)

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        with self._errors():
            self._client.upload_fileobj(Parts(parts), self.at.bucket, self._key(name), Config=_TRANSFER)

    def read(self, name: str) -> Iterator[bytes]:
        with self._errors():
            try:
                body = self._client.get_object(Bucket=self.at.bucket, Key=self._key(name))["Body"]
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise FileNotFoundError(name) from error
                raise
            with body:
                while piece := body.read(PIECE_BYTES):
                    yield piece

    def path(self, name: str) -> Path | None:
        return None

    def folders(self, below: str) -> list[str]:
        prefix = self._key(f"{below}/")
        pages = self._pages("list_objects_v2", Prefix=prefix, Delimiter="/")
        found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]
        return sorted(key.removeprefix(prefix).rstrip("/") for key in found)

    def entries(self, below: str) -> Iterator[Entry]:
        for page in self._pages("list_objects_v2", Prefix=self._key(f"{below}/")):
            for one in page.get("Contents", ()):
                yield Entry(one["Key"].removeprefix(self._key("")), one["Size"])

    def remove(self, names: Collection[str]) -> None:
        keys = [self._key(name) for name in names]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            self._delete(keys[start : start + DELETED_AT_ONCE])

    def tidy(self) -> None:
        """Uploads in parts that nobody will finish take room and are in no listing."""
        for page in self._pages("list_multipart_uploads", Prefix=self._key("")):
            for one in page.get("Uploads", ()):
                with self._errors():
                    self._client.abort_multipart_upload(Bucket=self.at.bucket, Key=one["Key"], UploadId=one["UploadId"])

    @property
    def _client(self) -> Any:
        return s3_resource(self.at).meta.client

    def _key(self, name: str) -> str:
        return f"{self.at.prefix}/{name}" if self.at.prefix else name

    def _pages(self, operation: str, **asked: Any) -> Iterator[Any]:
        with self._errors():
            yield from self._client.get_paginator(operation).paginate(Bucket=self.at.bucket, **asked)

    def _delete(self, keys: Sequence[str]) -> None:
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with self._errors():
            answer = self._client.delete_objects(Bucket=self.at.bucket, Delete=listed)
        for error in answer.get("Errors", ()):
            raise refusal(self.at.bucket, error.get("Code", ""), error.get("Message", ""), TOLD)

    def _errors(self) -> AbstractContextManager[None]:
        return s3_errors(self.at.bucket, TOLD)
