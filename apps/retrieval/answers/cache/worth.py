"""What the cache of answers is worth: of the questions of a day those that it answered, and the seconds that it saved.

Redis counts, as long as charts show it. While it is away nothing is counted, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils import timezone

from apps.retrieval.answers.cache.store import counts_add, counts_get

KEPT_SECONDS = 16 * 86_400
_ASKED, _FOUND, _SAVED = "asked", "found", "saved"


@dataclass(frozen=True, slots=True)
class Worth:
    """Of a day: questions that were looked up, those that were found, and how long these had taken the first time."""

    asked: int = 0
    found: int = 0
    saved_seconds: float = 0.0


def lookup_count(tenant_id: UUID, *, saved_milliseconds: float | None) -> None:
    """Count a question that was looked up; `saved_milliseconds` is None where nothing was found."""
    counts = {_ASKED: 1}
    if saved_milliseconds is not None:
        counts |= {_FOUND: 1, _SAVED: round(saved_milliseconds)}
    of_tenant = {f"{tenant_id}:{name}": count for name, count in counts.items()}
    counts_add(_name(timezone.localdate()), counts | of_tenant, seconds=KEPT_SECONDS)


def worth_by_day(days: Sequence[date], *, tenant_ids: Collection[UUID] | None) -> list[Worth]:
    """What the cache was worth to these tenants, or with None to all, on each of the days."""
    whose = [""] if tenant_ids is None else [f"{tenant_id}:" for tenant_id in sorted(tenant_ids)]
    fields = [f"{of}{name}" for of in whose for name in (_ASKED, _FOUND, _SAVED)]
    counted = counts_get([_name(day) for day in days], fields) if fields else [[] for _ in days]
    return [Worth(sum(row[0::3]), sum(row[1::3]), sum(row[2::3]) / 1000) for row in counted]


def _name(day: date) -> str:
    return f"worth:{day}"
