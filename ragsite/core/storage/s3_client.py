"""The client of a bucket: one for all threads of a process, bounded in time, and its errors in words."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3.session
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from ragsite.core.errors import TransientError
from ragsite.core.storage.places import S3Place

FAILED = "storage_failed"
CONNECTIONS = 32
_FULL = {"QuotaExceeded", "StorageFull", "XMinioStorageFull", "InsufficientCapacity", "507"}
_REFUSED = {
    "403", "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch",
    "AllAccessDisabled", "AccountProblem",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to connect and between two bytes, and how often a request is tried in all."""

    connect: float
    read: float
    tries: int


@dataclass(frozen=True, slots=True)
class Told:
    """How errors call what is kept in a bucket, and what names the bucket."""

    what: str = "The storage for documents"
    named_by: str = "RAGSITE_BLOB_STORE"


DOCUMENTS = Told()
WORKING = Patience(connect=3.0, read=20.0, tries=3)
HURRIED = Patience(connect=2.0, read=5.0, tries=1)
"""Of a store beside which there is another."""

ASKING = Patience(connect=2.0, read=2.0, tries=1)


def s3_resource(place: S3Place, patience: Patience = WORKING) -> Any:
    """The resource of this process; `meta.client` is its client. Connections are kept and reused.

    A forked child gets another than its parent: they must not share sockets.
    """
    return _resource(place.endpoint_url, place.region, patience, place.certificates, os.getpid())


def bucket_check(place: S3Place, told: Told = DOCUMENTS) -> None:
    """Ask once, quickly, whether the bucket is there for us.

    Raises:
        TransientError: it is not, or nobody answers.
    """
    with s3_errors(place.bucket, told):
        s3_resource(place, ASKING).meta.client.head_bucket(Bucket=place.bucket)


@contextmanager
def s3_errors(bucket: str, told: Told = DOCUMENTS) -> Iterator[None]:
    """Within the block, whatever the client raises is a TransientError that says what to do."""
    try:
        yield
    except ClientError as error:
        message = str(error.response.get("Error", {}).get("Message", ""))
        raise refusal(bucket, code_of(error), message, told) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise TransientError(
            f"There are no credentials for {told.what[0].lower()}{told.what[1:]}.",
            code=FAILED,
            action="Give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to every process.",
        ) from error
    except (BotoCoreError, Boto3Error) as error:
        raise TransientError(
            f"{told.what} does not answer: {' '.join(str(error).split())}.".replace("..", "."),
            code=FAILED,
            action=f"Check that the server of {told.named_by} runs and can be reached from here, then try again.",
        ) from error


def code_of(error: ClientError) -> str:
    """What the server calls it; the status, where it sent no words (to a HEAD)."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(bucket: str, code: str, message: str, told: Told = DOCUMENTS) -> TransientError:
    """The words for an error that the server reported."""
    if code in _FULL:
        return TransientError(
            f"{told.what} is full.",
            code="storage_full",
            status=507,
            action="Free some space, then try again.",
        )
    if code in ("NoSuchBucket", "404"):
        return TransientError(
            f"{told.what} has no bucket {bucket!r}.",
            code=FAILED,
            action=f"Make it, or correct {told.named_by}.",
        )
    if code in _REFUSED:
        return TransientError(
            f"{told.what} refuses our credentials, or what we do in the bucket {bucket!r} ({code}).",
            code=FAILED,
            action="Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the policies of the key and the bucket.",
        )
    said = f"{code}: {message}" if message else code
    return TransientError(
        f"{told.what} refused the request ({said}).",
        code=FAILED,
        action="Look at its server, then try again.",
    )


@functools.lru_cache(maxsize=8)
def _resource(endpoint_url: str | None, region: str | None, patience: Patience, certificates: str, pid: int) -> Any:
    config = _config(patience, addressing="path" if endpoint_url else "auto")
    return boto3.session.Session().resource(
        "s3", endpoint_url=endpoint_url, region_name=region, config=config, verify=certificates or None
    )


def _config(patience: Patience, *, addressing: str) -> Config:
    """Checksums only where S3 requires them: many servers that speak S3 know no others. Buckets of one's own server are
    found by path, as they have no host names.
    """
    return Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "total_max_attempts": patience.tries},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": addressing},
    )
