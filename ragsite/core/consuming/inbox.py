"""Which events a consumer has seen whose effect is in PostgreSQL: noted in the effect's transaction, so that it happens once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from ragsite.core.bites import bites, rows_bite
from ragsite.core.consuming.messages import Received
from ragsite.core.models import InboxEvent
from ragsite.core.work import Turn

KEPT_DAYS = 30
"""Longer than a topic keeps its messages: what can still be delivered again is still known."""


def inbox_take(consumer: str, event_ids: Collection[UUID]) -> set[UUID]:
    """Note that the consumer sees these events, in the caller's transaction; those that it had not seen.

    Another process that takes the same event at this moment waits for the transaction's end.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{consumer} takes events outside a transaction")
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [consumer, sorted(event_ids)])
        return {event_id for (event_id,) in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class OncePerEvent:
    """A taker whose effect on each event is written to PostgreSQL: together with the note that it was seen, or not at all."""

    name: str
    topics: frozenset[str]
    types: frozenset[str]
    effect: Callable[[Received], None]

    def take(self, batch: Sequence[Received]) -> None:
        with transaction.atomic():
            fresh = inbox_take(self.name, {one.event_id for one in batch})
            for one in batch:
                if one.event_id in fresh:
                    fresh.discard(one.event_id)
                    self.effect(one)


def inbox_purge(turn: Turn, *, days: int = KEPT_DAYS) -> bool:
    """Forget what was seen more than `days` ago, the oldest first; whether some is left."""
    old = InboxEvent.objects.filter(seen_at__lt=Now() - timedelta(days=days)).order_by("seen_at", "id")
    return bites(turn, lambda: rows_bite(old))


# In the order of the ids, so that two processes don't wait for each other.
_TAKE = """
    INSERT INTO core_inboxevent (consumer, event_id)
    SELECT %s, event_id FROM unnest(%s::uuid[]) event_id ORDER BY event_id
    ON CONFLICT (consumer, event_id) DO NOTHING RETURNING event_id
"""
