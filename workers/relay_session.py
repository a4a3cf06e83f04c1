"""What the relay asks of PostgreSQL, all in one session: the locks of its key shards, the events that wait, what became of them.

The session that holds the locks also reads and marks: if it dies, the locks and the right to go on are lost together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from ragsite.core.database import connection_of_own
from ragsite.core.models import SHARDS
from ragsite.core.outbox import CHANNEL

LOCK_BASE = 7_242_100
BACKOFF_MAX_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class UnsentEvent:
    """A row of the outbox that the relay may publish now, or once those before it of the same key have arrived."""

    id: int
    event_id: UUID
    tenant_id: UUID | None
    type: str
    key: str
    payload: Any
    actor: Any
    created_at: datetime
    attempts: int = 0
    stored_bytes: int = 0
    """Of its payload, as the table has it."""


class RelaySession:
    """A session of the database. Each call may raise psycopg.Error; then everything is lost, and `close` clears the way."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._shards: frozenset[int] = frozenset()

    def shards(self) -> frozenset[int]:
        """The key shards this session serves; those that no other serves are taken."""
        if len(self._shards) < SHARDS:
            missing = [LOCK_BASE + shard for shard in range(SHARDS) if shard not in self._shards]
            taken = self._open().execute(_TAKE, [missing]).fetchall()
            self._shards |= {lock - LOCK_BASE for (lock,) in taken}
        return self._shards

    def unsent(self, *, limit: int, limit_bytes: int) -> list[UnsentEvent]:
        """The oldest unsent events of its shards, without those of keys that back off: so many, and no more once their payloads
        have so many bytes.
        """
        asked = {"shards": list(self._shards), "limit": limit, "bytes": limit_bytes}
        with self._open().cursor(row_factory=class_row(UnsentEvent)) as cursor:
            return cursor.execute(_UNSENT, asked).fetchall()

    def mark(self, *, delivered: Collection[int], failed: Mapping[int, str], buried: Mapping[int, str]) -> None:
        """Note what arrived, and why something did not: its key waits, twice as long each time. What is `buried` as a dead
        letter left the outbox, too, and keeps the reason.
        """
        if delivered:
            self._open().execute(_DELIVERED, [list(delivered)])
        if failed:
            self._open().execute(_FAILED, [BACKOFF_MAX_SECONDS, list(failed), list(failed.values())])
        if buried:
            self._open().execute(_BURIED, [list(buried), list(buried.values())])

    def wait(self, *, seconds: float) -> bool:
        """Until an event commits, at most so long; whether one did."""
        return bool(list(self._open().notifies(timeout=seconds, stop_after=1)))

    def close(self) -> None:
        """Let go of the locks and of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._shards = None, frozenset()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = connection_of_own()
            self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection


_TAKE = "SELECT lock FROM unnest(%s::bigint[]) lock WHERE pg_try_advisory_lock(lock)"

# What backs off is looked up once, by an index of what failed; of each shard the oldest are read by the index of what is unsent.
# So a batch costs the same however many wait. NOT IN, as its hash leaves the rows in their order; an anti-join reads them all.
_UNSENT = """
    WITH waiting AS MATERIALIZED (
        SELECT key FROM core_outboxevent
        WHERE shard = ANY(%(shards)s::smallint[]) AND sent_at IS NULL AND attempts > 0 AND not_before > now()
    ), oldest AS (
        SELECT e.* FROM unnest(%(shards)s::smallint[]) mine (shard) CROSS JOIN LATERAL (
            SELECT o.id, o.event_id, o.tenant_id, o.type, o.key, o.payload, o.actor, o.created_at, o.attempts,
                   pg_column_size(o.payload) AS stored_bytes
            FROM core_outboxevent o
            WHERE o.shard = mine.shard AND o.sent_at IS NULL AND o.key NOT IN (SELECT key FROM waiting)
            ORDER BY o.id LIMIT %(limit)s
        ) e
        ORDER BY e.id LIMIT %(limit)s
    ), summed AS (
        SELECT *, sum(stored_bytes) OVER (ORDER BY id) - stored_bytes AS bytes_before FROM oldest
    )
    SELECT id, event_id, tenant_id, type, key, payload, actor, created_at, attempts, stored_bytes
    FROM summed WHERE bytes_before < %(bytes)s ORDER BY id
"""

_DELIVERED = "UPDATE core_outboxevent SET sent_at = now(), error = '' WHERE id = ANY(%s)"

_FAILED = """
    UPDATE core_outboxevent e
    SET attempts = e.attempts + 1, error = f.error,
        not_before = now() + make_interval(secs => least(%s, 2 ^ least(e.attempts, 30)))
    FROM unnest(%s::bigint[], %s::text[]) f (id, error)
    WHERE e.id = f.id
"""

_BURIED = """
    UPDATE core_outboxevent e SET attempts = e.attempts + 1, error = f.error, sent_at = now()
    FROM unnest(%s::bigint[], %s::text[]) f (id, error)
    WHERE e.id = f.id
"""
