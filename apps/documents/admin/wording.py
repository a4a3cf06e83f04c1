"""States and places in the words people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import DocumentVersion, StageOutcome, VersionStatus
from apps.documents.parsing.types import PlaceKind
from ragsite.core.admin.base import badge

STATUS_TONES: dict[str, str | None] = {
    VersionStatus.READY: "success",
    VersionStatus.FAILED: "danger",
    VersionStatus.CANCELLED: None,
}
OUTCOME_TONES: dict[str, str | None] = {
    StageOutcome.RUNNING: "info",
    StageOutcome.DONE: "success",
    StageOutcome.POSTPONED: "warning",
    StageOutcome.FAILED: "danger",
    StageOutcome.CANCELLED: None,
}
KILOBYTE = 1024


def status_badge(status: str) -> SafeString:
    """A version's status as a coloured label; one that is on its way is neither good nor bad."""
    return badge(status, STATUS_TONES.get(status, "info"))


def seconds_in_words(seconds: float | None) -> str:
    return "running" if seconds is None else f"{seconds:.2f} s"


def place_in_words(place: Mapping[str, Any] | None) -> str:
    """`page 3`, `sheet Costs`; empty when the file has no places."""
    if not place:
        return ""
    if place["kind"] == PlaceKind.POINTER:
        return str(place["label"])
    words = f"{place['kind']} {place['number'] if place['number'] is not None else place['label']}".strip()
    rows = place.get("rows")
    return f"{words}, rows {rows[0]} to {rows[1]}" if rows else words


def heading_in_words(heading_path: Sequence[str]) -> str:
    return " › ".join(heading_path)


def where_in_words(heading_path: Sequence[str], place: Mapping[str, Any] | None) -> str:
    """Headings and place together, as a reader would look it up."""
    return " · ".join(part for part in (heading_in_words(heading_path), place_in_words(place)) if part)


def chunking_in_words(chunking: ChunkingSettings) -> str:
    return f"By {chunking.strategy}, at most {chunking.size} tokens, {chunking.overlap} of them repeated"


def origin_in_words(version: DocumentVersion) -> str:
    """What made the version: an upload, or an edit or other chunking of one."""
    if version.rechunk_of is None:
        return "Upload"
    return f"Version {version.rechunk_of.number}, {'edited' if version.edited else 're-chunked'}"


def size_in_words(size: int) -> str:
    """Bytes in the unit that reads best."""
    amount, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB"):
        if amount < KILOBYTE:
            break
        amount, unit = amount / KILOBYTE, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
