"""States and places in the words people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.safestring import SafeString

from apps.documents.models import DocumentVersion, StageOutcome, StageRecord, VersionStatus
from apps.documents.parsing.types import PlaceKind
from ragsite.core.admin.base import badge

STATUS_TONES: dict[str, str | None] = {VersionStatus.READY: "success", VersionStatus.FAILED: "danger"}
OUTCOME_TONES: dict[str, str | None] = {
    StageOutcome.RUNNING: "info",
    StageOutcome.DONE: "success",
    StageOutcome.POSTPONED: "warning",
    StageOutcome.FAILED: "danger",
}
NEXT_WORK: dict[str, str] = {
    VersionStatus.UPLOADED: "parsed",
    VersionStatus.PARSED: "chunked",
    VersionStatus.CHUNKED: "embedded",
    VersionStatus.EMBEDDED: "activated",
}
KILOBYTE = 1024


def status_badge(status: str) -> SafeString:
    """A version's status as a coloured label; one that is on its way is neither good nor bad."""
    return badge(status, STATUS_TONES.get(status, "info"))


def status_in_words(version: DocumentVersion, *, last_error: str = "") -> str:
    """Why the version stands where it stands, and what comes next. `last_error` is that of its latest stage."""
    if version.status == VersionStatus.FAILED:
        return version.error
    if version.status == VersionStatus.READY:
        return "All stages are done; its chunks answer searches unless a newer version does."
    return _waiting_in_words(version, timezone.now(), last_error)


def _waiting_in_words(version: DocumentVersion, now: datetime, last_error: str) -> str:
    work = NEXT_WORK[version.status]
    if version.document.deleted_at:
        return "Its document was deleted, so nothing more is done."
    if version.lease_until and version.lease_until > now:
        return f"Being {work} now by {worker_in_words(version.lease_owner)}."
    if version.not_before > now:
        seconds = round((version.not_before - now).total_seconds())
        tries = f"try {version.attempts + 1} of {settings.RAGSITE_MAX_ATTEMPTS}"
        return f"Will be {work} in {seconds} s ({tries}).{_before(last_error)}"
    return (
        f"Waiting for a free worker to have it {work}. If it stays so, check that the workers run.{_before(last_error)}"
    )


def _before(last_error: str) -> str:
    return f" The last time: {last_error}" if last_error else ""


def worker_in_words(owner: str) -> str:
    """Host and process of a lease's owner, whose name also carries the claim's own id."""
    return ":".join(owner.split(":")[:2])


def last_error(stages: Sequence[StageRecord]) -> str:
    """What the latest stage stumbled over; empty when it is fine."""
    return stages[-1].error if stages else ""


def seconds_in_words(seconds: float | None) -> str:
    return "running" if seconds is None else f"{seconds:.2f} s"


def place_in_words(place: Mapping[str, Any] | None) -> str:
    """`page 3`, `sheet Costs`; empty when the file has no places."""
    if not place:
        return ""
    if place["kind"] == PlaceKind.POINTER:
        return str(place["label"])
    return f"{place['kind']} {place['number'] if place['number'] is not None else place['label']}"


def heading_in_words(heading_path: Sequence[str]) -> str:
    return " › ".join(heading_path)


def where_in_words(heading_path: Sequence[str], place: Mapping[str, Any] | None) -> str:
    """Headings and place together, as a reader would look it up."""
    return " · ".join(part for part in (heading_in_words(heading_path), place_in_words(place)) if part)


def size_in_words(size: int) -> str:
    """Bytes in the unit that reads best."""
    amount, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if amount < KILOBYTE:
            break
        amount, unit = amount / KILOBYTE, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
