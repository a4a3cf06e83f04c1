"""What the running system is set to: one typed object for each concern, and the only readers of `settings.RAGSITE_…`.

Ask for an object where it is needed and keep nothing of it: what it says may then come to change while a process runs, and its
readers stay as they are. Names and limits of the variables behind it are those of `ragsite.core.environment`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from django.conf import settings

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """What one upload may bring: bytes of a file, files of a request."""

    max_bytes: int
    max_files: int

    @classmethod
    def current(cls) -> Self:
        return cls(max_bytes=settings.RAGSITE_MAX_UPLOAD_BYTES, max_files=settings.DATA_UPLOAD_MAX_NUMBER_FILES)

    @property
    def max_megabytes(self) -> int:
        return self.max_bytes // MEGABYTE


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where this machine keeps files: its own notes, and documents' bytes."""

    data_dir: Path
    blob_dir: Path

    @classmethod
    def current(cls) -> Self:
        return cls(data_dir=Path(settings.RAGSITE_DATA_DIR), blob_dir=Path(settings.RAGSITE_BLOB_DIR))


@dataclass(frozen=True, slots=True)
class ParsingSettings:
    """What parsing one file may take, and whether scanned pages are read."""

    seconds: int
    memory_bytes: int
    ocr: bool

    @classmethod
    def current(cls) -> Self:
        return cls(
            seconds=settings.RAGSITE_PARSER_SECONDS,
            memory_bytes=settings.RAGSITE_PARSER_MEMORY_BYTES,
            ocr=settings.RAGSITE_OCR,
        )


@dataclass(frozen=True, slots=True)
class FetchingSettings:
    """Whether documents are fetched from addresses that callers give, from which hosts (none: any public one), how long."""

    enabled: bool
    allowed_hosts: frozenset[str]
    seconds: int

    @classmethod
    def current(cls) -> Self:
        return cls(
            enabled=settings.RAGSITE_URL_INGESTION,
            allowed_hosts=settings.RAGSITE_URL_ALLOWED_HOSTS,
            seconds=settings.RAGSITE_URL_SECONDS,
        )


@dataclass(frozen=True, slots=True)
class WorkSettings:
    """How claimed work is held: seconds of a lease, starts before it is given up, and who is rung for it (dotted path)."""

    lease_seconds: int
    max_attempts: int
    doorbell: str

    @classmethod
    def current(cls) -> Self:
        return cls(
            lease_seconds=settings.RAGSITE_LEASE_SECONDS,
            max_attempts=settings.RAGSITE_MAX_ATTEMPTS,
            doorbell=settings.RAGSITE_DOORBELL,
        )


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How this process reaches models, and what they may take where it holds them."""

    transport: Literal["queue", "local", "fake"]
    memory_bytes: int
    threads: int

    @classmethod
    def current(cls) -> Self:
        return cls(
            transport=settings.RAGSITE_MODEL_TRANSPORT,
            memory_bytes=settings.RAGSITE_MODEL_MEMORY_BYTES,
            threads=settings.RAGSITE_MODEL_THREADS,
        )


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long a search may take, and from how many rows on a generation has an HNSW index."""

    seconds: float
    hnsw_min_rows: int

    @classmethod
    def current(cls) -> Self:
        return cls(seconds=settings.RAGSITE_SEARCH_SECONDS, hnsw_min_rows=settings.RAGSITE_HNSW_MIN_ROWS)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the servers beside PostgreSQL are; an empty address is none."""

    redis_url: str
    kafka_bootstrap_servers: str
    mlflow_tracking_uri: str

    @classmethod
    def current(cls) -> Self:
        return cls(
            redis_url=settings.RAGSITE_REDIS_URL,
            kafka_bootstrap_servers=settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS,
            mlflow_tracking_uri=settings.RAGSITE_MLFLOW_TRACKING_URI,
        )
