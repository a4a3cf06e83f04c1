"""Why events can't be sent, in words, and what mends it. The relay keeps the broker's own words with the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Count as Counted
from django.db.models import Max, Min, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ragsite.core.models import SHARDS, OutboxEvent

LOOKED_AT = 5_000
"""Of the events that wait, the oldest of each shard: the relay tries these first, so those that fail are among them."""

MOST_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """What happened, and what mends it."""

    title: str | Promise
    advice: str | Promise


AWAY = Cause(
    _("The Kafka broker does not answer"),
    _("Start it, or correct KAFKA_BOOTSTRAP_SERVERS. What waits is then sent by itself."),
)
CAUSES: Mapping[str, Cause] = {
    "size too large": Cause(
        _("An event is larger than the broker takes"),
        _("Raise the broker's message.max.bytes and the topic's max.message.bytes, then send it again."),
    ),
    "authorization failed": Cause(
        _("The broker does not let ragsite write"), _("Allow its user to write and make topics, then send again.")
    ),
    "unknown topic": Cause(
        _("A topic is missing, and could not be made"), _("Allow ragsite to make topics, or make it, then send again.")
    ),
    "unknown_topic": Cause(
        _("A topic is missing, and could not be made"), _("Allow ragsite to make topics, or make it, then send again.")
    ),
    "timed out": AWAY,
    "transport": AWAY,
    "all broker connections are down": AWAY,
    "no delivery report": AWAY,
    "resolve": AWAY,
}
"""By a part of the broker's words, in lower case."""

OTHERWISE = Cause(
    _("The broker refused an event"),
    _("Its own words are below. Look at the relay's log, mend it there, then send again."),
)


def cause_of(error: str) -> Cause:
    """What the broker's words mean."""
    said = error.lower()
    return next((cause for part, cause in CAUSES.items() if part in said), OTHERWISE)


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Events of one error: how many, since when, how often one of them was tried."""

    error: str
    number: int
    since: datetime
    attempts: int

    @property
    def cause(self) -> Cause:
        return cause_of(self.error)


def waiting_first(events: QuerySet[OutboxEvent], *, most: int) -> QuerySet[OutboxEvent]:
    """Those of these events that wait, the oldest `most` of each shard; by the index on what waits."""
    of_shards = [
        list(events.filter(sent_at=None, shard=shard).order_by("shard", "id").values_list("pk", flat=True)[:most])
        for shard in range(SHARDS)
    ]
    return events.filter(pk__in=list(chain.from_iterable(of_shards)))


def undelivered(failed: QuerySet[OutboxEvent]) -> Sequence[Undelivered]:
    """Events that could not be sent, by the broker's words, the most first."""
    grouped: Any = (
        failed.order_by().values("error").annotate(number=Counted("pk"), since=Min("created_at"), tries=Max("attempts"))
    )
    rows = grouped.order_by("-number")[:MOST_CAUSES]
    return [Undelivered(row["error"], row["number"], row["since"], row["tries"]) for row in rows]


def failing_of(events: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:
    """Those that were tried and wait."""
    return waiting_first(events, most=LOOKED_AT).exclude(error="")
