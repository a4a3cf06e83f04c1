"""A line of the list of jobs: what it is, how far, by whom. The same for every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.retrieval.reindexing.progress import duration_in_words

Words = str | Promise


class Standing(StrEnum):
    """Where a job stands, whatever its own states are called."""

    UNDER_WAY = "under_way"
    WAITS = "waits"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


STANDING_WORDS: dict[Standing, Words] = {
    Standing.UNDER_WAY: _("Under way"),
    Standing.WAITS: _("Waits for you"),
    Standing.DONE: _("Done"),
    Standing.FAILED: _("Failed"),
    Standing.CANCELLED: _("Cancelled"),
}
TONES: dict[Standing, str] = {
    Standing.UNDER_WAY: "info",
    Standing.WAITS: "warning",
    Standing.DONE: "success",
    Standing.FAILED: "danger",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of all; `unit` says of what."""

    done: int
    total: int
    text: str

    @property
    def percent(self) -> int:
        return round(100 * min(self.done, self.total) / self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class Line:
    """`about` is what it is done to, `result` what came of it or why it is not further, and `url` its own page."""

    pk: UUID
    kind: str
    icon: str
    title: str
    about: str
    standing: Standing
    result: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    url: str
    progress: Progress | None = None
    can_cancel: bool = False
    facts: Sequence[tuple[str, str]] = ()
    stays: Sequence[str] = ()
    """Of what was erased: what is kept, and why."""

    @property
    def is_under_way(self) -> bool:
        return self.standing is Standing.UNDER_WAY

    @property
    def standing_words(self) -> str:
        return str(STANDING_WORDS[self.standing])

    @property
    def tone(self) -> str:
        return TONES.get(self.standing, "")

    @property
    def took(self) -> str:
        """How long it took, or has been under way."""
        if self.ended_at is None and not self.is_under_way:
            return ""
        return duration_in_words(((self.ended_at or timezone.now()) - self.asked_at).total_seconds())
