"""What the relay tells of its work: how many events went, by which way, and how long each took until the broker had it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from ragsite.core.metrics.instruments import counter, histogram
from workers.relay_sending import Refusal
from workers.relay_session import UnsentEvent

OUTBOX_WAY: Final = "outbox"
STREAM_WAY: Final = "stream"
EVENTS = counter("ragsite_relay_events_total")
LAG = histogram("ragsite_relay_lag_seconds")


def sent_note(way: str, event: UnsentEvent, refusal: Refusal | None, *, gives_up: bool) -> None:
    """Count what came of an event; one that was refused for its own sake is given up, where `gives_up` says so."""
    if refusal is None:
        EVENTS.labels(way, "sent").inc()
        LAG.labels(way).observe(max(0.0, (datetime.now(UTC) - event.created_at).total_seconds()))
    elif refusal.why:
        EVENTS.labels(way, "given_up" if gives_up and refusal.is_own_fault else "failed").inc()
