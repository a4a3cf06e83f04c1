"""The settings that say where blobs lie, as values. Imports no client, so that files cost nothing more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

FILES = "files"
FIRST, SECOND = "first", "second"
FIRST_SETTING, SECOND_SETTING = "RAGSITE_BLOB_STORE", "RAGSITE_SECOND_BLOB_STORE"
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


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder of another disk than that of RAGSITE_DATA_DIR, which the operator has made."""

    folder: Path


def second_place(value: str, *, certificates: str = "") -> S3Place | FolderPlace | None:
    """`s3://…` as for the first store, or `file:///folder`; None for nothing at all.

    Raises:
        ValueError: it is neither; the message repeats nothing that may be secret.
    """
    if not value.startswith("file:"):
        if value == FILES:
            raise ValueError("must be empty, `s3://bucket/prefix` or `file:///folder`")
        return blob_place(value, certificates=certificates)
    parts = urlsplit(value)
    folder = Path(unquote(parts.path))
    if parts.netloc or parts.query or not folder.is_absolute() or folder == Path("/") or ".." in folder.parts:
        raise ValueError(f"{value!r} is no folder of this machine; give it as `file:///mnt/uploads`")
    return FolderPlace(folder)


def places_check(first: str, second: str) -> None:
    """Raises ValueError: the first is no place, or one of the two lies within the other."""
    one, other = blob_place(first), second_place(second)
    if not (isinstance(one, S3Place) and isinstance(other, S3Place)):
        return
    shorter, longer = sorted((f"{one.prefix}/".lstrip("/"), f"{other.prefix}/".lstrip("/")), key=len)
    is_one_server = (one.bucket, one.endpoint_url) == (other.bucket, other.endpoint_url)
    if is_one_server and longer.startswith(shorter):
        raise ValueError(f"must lie apart from {SECOND_SETTING}: another bucket or prefix")


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


def storages_at(first: S3Place | None, second: S3Place | FolderPlace | None) -> dict[str, dict[str, Any]]:
    """The entries of Django's `STORAGES` for blobs: where they are written, and with a second store that one and both as one."""
    entries = {"blobs": storage_at(first)}
    if second is not None:
        entries["second_blobs"] = storage_at(second, named_by=SECOND_SETTING)
        pair = {
            FIRST: storage_at(first, hurried=True),
            SECOND: storage_at(second, named_by=SECOND_SETTING, hurried=True),
        }
        entries["paired_blobs"] = {"BACKEND": "ragsite.core.storage.paired.PairedBlobs", "OPTIONS": pair}
    return entries


def storage_at(
    place: S3Place | FolderPlace | None, *, named_by: str = FIRST_SETTING, hurried: bool = False
) -> dict[str, Any]:
    """The entry of Django's `STORAGES` for blobs that lie there. One that is hurried gives up soon, as there is another."""
    if place is None:
        return {"BACKEND": "ragsite.core.storage.files.FileBlobs"}
    if isinstance(place, FolderPlace):
        return {"BACKEND": "ragsite.core.storage.files.FolderBlobs", "OPTIONS": {"folder": str(place.folder)}}
    options: dict[str, Any] = {
        "bucket_name": place.bucket,
        "location": place.prefix,
        "endpoint_url": place.endpoint_url,
        "region_name": place.region,
    }
    if named_by != FIRST_SETTING:
        options["named_by"] = named_by
    if hurried:
        options["hurried"] = True
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
