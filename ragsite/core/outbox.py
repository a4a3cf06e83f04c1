"""Events leave with the change they report: emit() writes them in the caller's transaction."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.models import Outcome
from ragsite.core.audit.recording import Act, AuditObject, acts_record
from ragsite.core.configuration import ServerSettings
from ragsite.core.database import rows_insert
from ragsite.core.events import Event
from ragsite.core.locking import rows_update
from ragsite.core.models import DEAD, SHARDS, OutboxEvent

CHANNEL = "ragsite_outbox"
NO_KAFKA_SENTENCE = "No Kafka is configured (KAFKA_BOOTSTRAP_SERVERS=none), so events go nowhere."
_MEASURED = ("milliseconds", "degraded", "content_hash")


def emit(*events: Event, actor: Actor) -> list[OutboxEvent]:
    """Write events, if any, of what the actor did into the outbox and wake the relay at commit. Where no Kafka is configured
    there is no outbox to write them to; the audit log has its acts all the same.

    The caller holds the row lock of the event's aggregate, so that order per key is the order of commits.
    """
    return emit_each((event, actor) for event in events)


def emit_each(acts: Iterable[tuple[Event, Actor]]) -> list[OutboxEvent]:
    """As `emit`, for events of several actors. What somebody did is told in the audit log, too."""
    told = list(acts)
    rows = [_row(event, actor) for event, actor in told]
    if not rows:
        return []
    if not connection.in_atomic_block:
        raise RuntimeError(f"{rows[0].type} was emitted outside a transaction")
    goes_out = ServerSettings.current().has_kafka
    if goes_out:
        rows_insert(rows)
    acts_record((_act(event, row), actor) for (event, actor), row in zip(told, rows, strict=True) if event.is_act)
    if goes_out:
        _relay_wake()
    return rows if goes_out else []


def _relay_wake() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def _row(event: Event, actor: Actor) -> OutboxEvent:
    key = str(event.key)
    return OutboxEvent(
        tenant_id=event.tenant_id, type=event.name, key=key, shard=shard_of(key), payload=event.payload(),
        actor=actor.as_dict(),
    )  # fmt: skip


def _act(event: Event, row: OutboxEvent) -> Act:
    """The event as the audit log has it: without how long things took, and without what its columns say already."""
    besides = (f"{event.object_type}_id", *_MEASURED)
    said = {name: value for name, value in row.payload.items() if name not in besides and value is not None}
    named = str(row.payload.get("title") or row.payload.get("model") or "")
    on = AuditObject(event.object_type, row.key, named, event.tenant_id)
    failed = event.type.endswith(".failed")
    return Act(event.name, on, said, Outcome.FAILURE if failed else Outcome.SUCCESS)


def shard_of(key: str) -> int:
    """The shard a key belongs to, the same in every process."""
    return zlib.crc32(key.encode()) % SHARDS


def outbox_waiting() -> QuerySet[OutboxEvent]:
    """The events that the relay has to send; none where no Kafka is configured."""
    waiting = OutboxEvent.objects.filter(sent_at=None)
    return waiting if ServerSettings.current().has_kafka else waiting.none()


def dead_letters() -> QuerySet[OutboxEvent]:
    """The events that were given up: they left the outbox for the topic of dead letters, and keep the reason."""
    return OutboxEvent.objects.filter(DEAD)


def outbox_send_again(events: QuerySet[OutboxEvent], *, actor: Actor) -> int:
    """Let the relay try these at once, of which it waits longer after each failure, or has given up; how many these are."""
    with transaction.atomic():
        number = rows_update(events.filter(sent_at=None), not_before=Now())
        dead = events.filter(pk__in=dead_letters().values("pk"))
        number += rows_update(dead, not_before=Now(), sent_at=None, attempts=0)
        _relay_wake()
        change_log(
            f"{number} events are sent again", actor=actor, action="events.sent_again", details={"number": number}
        )
    return number
