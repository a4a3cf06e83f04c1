"""The one setting that says where blobs lie, as a value. Imports no client, so that files cost nothing more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FILES = "files"
OPTIONS = ("endpoint_url", "region")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"(?:[A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket and the prefix of our keys in it; without an endpoint Amazon's own, without a region what the client finds, and
    checked against the system's certificates without others.
    """

    bucket: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    certificates: str = ""


def blob_place(value: str, *, certificates: str = "") -> S3Place | None:
    """`s3://bucket/prefix?endpoint_url=…&region=…`; None for files, which is also what nothing at all means.

    Raises:
        ValueError: it is neither; the message repeats nothing that may be secret.
    """
    if value in ("", FILES):
        return None
    parts = urlsplit(value)
    if parts.scheme != "s3":
        raise ValueError(f"must be empty, `{FILES}` or `s3://bucket/prefix`")
    if "@" in parts.netloc:
        raise ValueError("must hold no credentials; give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"{parts.netloc!r} is no name of a bucket: 3 to 63 of a-z, 0-9, hyphen and dot")
    options = _options(parts.query)
    return S3Place(parts.netloc, _prefix(parts.path), options.get("endpoint_url"), options.get("region"), certificates)


def storage_at(place: S3Place | None) -> dict[str, Any]:
    """The entry of Django's `STORAGES` for blobs that lie there."""
    if place is None:
        return {"BACKEND": "ragsite.core.storage.files.FileBlobs"}
    options = {
        "bucket_name": place.bucket,
        "location": place.prefix,
        "endpoint_url": place.endpoint_url,
        "region_name": place.region,
    }
    return {"BACKEND": "ragsite.core.storage.s3.S3Blobs", "OPTIONS": options}


def _prefix(path: str) -> str:
    prefix = path.strip("/")
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise ValueError(f"{prefix!r} is no prefix of keys: letters, digits, `_`, `.` and `-` between slashes")
    return prefix


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise ValueError(f"{unknown[0]!r} is none of its options, which are {' and '.join(OPTIONS)}")
    if "endpoint_url" in options and not _is_address(options["endpoint_url"]):
        raise ValueError("endpoint_url must be http://host:port or https://host, without credentials")
    return {name: value for name, value in options.items() if value}


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
