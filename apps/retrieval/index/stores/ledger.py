"""The ledger of a store beside PostgreSQL: of each version with vectors in a generation whether the store is as it should be.

What should be there is never written down but asked of the documents: the vectors of current versions of living documents, and
nothing else. A row says that somebody is to look. It is made, and due, with the first vectors of a version; it is due again by
triggers (migration 0030) in the transaction in which a document gets another current version, is deleted or comes back, or chunks
are removed. Each such change raises `mark`, so that who looked before it settles nothing.

A row is settled once the store was told. Until `settles_at` has passed searches ask PostgreSQL for the version, whatever the
store says: it may lag behind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.retrieval.index.stores.types import LAG_SECONDS
from apps.retrieval.models import IndexGeneration

AT_ONCE = 128
"""Versions that the store is told of together, at most."""


@dataclass(frozen=True, slots=True)
class DueVersion:
    """A version of which the store is to be told; `is_wanted`: it is current, and its document is there. `is_held`: the store may
    have vectors of it.
    """

    version_id: UUID
    mark: int
    is_wanted: bool
    is_held: bool


def stored_note(generation: IndexGeneration, chunk_ids: Sequence[int]) -> None:
    """Note that vectors of these chunks were written, in the transaction in which they were; PostgreSQL's own need no notes."""
    if not generation.collection or not chunk_ids:
        return
    _run(_NOTE, {"generation": generation.pk, "chunks": list(chunk_ids)})


def stored_again(generation_id: int, version_ids: Collection[UUID]) -> None:
    """Have somebody look at these versions (again), of which the store may have anything."""
    if version_ids:
        _run(_AGAIN, {"generation": generation_id, "versions": list(version_ids)})


def stored_all_again(generation: IndexGeneration) -> None:
    """The store has lost the collection: all that it was told counts for nothing."""
    _run(_ALL_AGAIN, {"generation": generation.pk})


def stored_due(generation: IndexGeneration) -> list[DueVersion]:
    """The first versions of which the store is to be told."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"generation": generation.pk, "limit": AT_ONCE})
        return [DueVersion(*row) for row in cursor.fetchall()]


def stored_waiting(generation: IndexGeneration) -> int:
    """How many current versions the store does not have as they are; PostgreSQL has its own."""
    if not generation.collection:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"generation": generation.pk})
        return int(cursor.fetchone()[0])


def stored_intend(generation: IndexGeneration, version_ids: Collection[UUID]) -> None:
    """Note, before it is done, that the store gets vectors of these versions: who dies at it leaves none that nobody knows of."""
    if version_ids:
        _run(_INTEND, {"generation": generation.pk, "versions": list(version_ids)})


def stored_settle(generation: IndexGeneration, told: Sequence[DueVersion]) -> None:
    """The store was told of these versions. Of what changed meanwhile it is told again, as of what another has settled: whose
    telling came last nobody knows.
    """
    parameters: dict[str, Any] = {
        "generation": generation.pk,
        "versions": [one.version_id for one in told],
        "marks": [one.mark for one in told],
        "wanted": [one.is_wanted for one in told],
        "seconds": LAG_SECONDS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTLE, parameters)
        settled = {version_id for (version_id,) in cursor.fetchall()}
        cursor.execute(_FORGET, parameters)
    stored_again(generation.pk, [one.version_id for one in told if one.version_id not in settled])


def unsettled(generation: IndexGeneration, *, most: int) -> list[UUID] | None:
    """The versions for which PostgreSQL answers and not the store; None where they are more than `most`."""
    with connection.cursor() as cursor:
        cursor.execute(_UNSETTLED, {"generation": generation.pk, "limit": most + 1})
        found = [version_id for (version_id,) in cursor.fetchall()]
    return None if len(found) > most else found


def ledger_drop(generation_id: int, *, limit: int) -> bool:
    """Remove rows of a generation that is gone; whether some may be left."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP, {"generation": generation_id, "limit": limit})
        return int(cursor.rowcount) == limit


def _run(statement: str, parameters: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


# Rows are locked in the order of their versions, here and in the triggers.
_NOTE = """
    INSERT INTO retrieval_storedversion AS s (generation_id, version_id, mark, is_held)
    SELECT %(generation)s, version_id, 1, false
    FROM (SELECT DISTINCT version_id FROM documents_chunk WHERE id = ANY(%(chunks)s)) given
    ORDER BY version_id
    ON CONFLICT (generation_id, version_id) DO UPDATE SET settles_at = NULL, mark = s.mark + 1
"""

_AGAIN = """
    INSERT INTO retrieval_storedversion AS s (generation_id, version_id, mark, is_held)
    SELECT %(generation)s, version_id, 1, true FROM unnest(%(versions)s::uuid[]) AS given(version_id) ORDER BY version_id
    ON CONFLICT (generation_id, version_id) DO UPDATE SET settles_at = NULL, mark = s.mark + 1, is_held = true
"""

_ALL_AGAIN = """
    WITH locked AS MATERIALIZED (
        SELECT version_id FROM retrieval_storedversion
        WHERE generation_id = %(generation)s AND is_held ORDER BY version_id FOR UPDATE)
    UPDATE retrieval_storedversion s SET settles_at = NULL, mark = s.mark + 1, is_held = false
    FROM locked WHERE s.generation_id = %(generation)s AND s.version_id = locked.version_id
"""

_IS_CURRENT = """EXISTS (
    SELECT FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    WHERE v.id = s.version_id AND d.current_version_id = v.id AND d.deleted_at IS NULL)"""

_DUE = f"""
    SELECT s.version_id, s.mark, {_IS_CURRENT}, s.is_held
    FROM retrieval_storedversion s
    WHERE s.generation_id = %(generation)s AND s.settles_at IS NULL
    ORDER BY s.version_id
    LIMIT %(limit)s
"""  # noqa: S608 - constants

_WAITING = f"""
    SELECT count(*) FROM retrieval_storedversion s
    WHERE s.generation_id = %(generation)s AND s.settles_at IS NULL AND {_IS_CURRENT}
"""  # noqa: S608 - constants

_INTEND = """
    WITH locked AS MATERIALIZED (
        SELECT version_id FROM retrieval_storedversion
        WHERE generation_id = %(generation)s AND version_id = ANY(%(versions)s::uuid[]) ORDER BY version_id FOR UPDATE)
    UPDATE retrieval_storedversion s SET is_held = true
    FROM locked WHERE s.generation_id = %(generation)s AND s.version_id = locked.version_id
"""

_SETTLE = """
    WITH told AS (
        SELECT * FROM unnest(%(versions)s::uuid[], %(marks)s::bigint[], %(wanted)s::boolean[])
            AS given(version_id, mark, is_wanted)
    ), locked AS MATERIALIZED (
        SELECT s.version_id, told.is_wanted FROM retrieval_storedversion s JOIN told USING (version_id, mark)
        WHERE s.generation_id = %(generation)s ORDER BY s.version_id FOR UPDATE OF s)
    UPDATE retrieval_storedversion s
    SET settles_at = now() + make_interval(secs => %(seconds)s), is_held = locked.is_wanted
    FROM locked WHERE s.generation_id = %(generation)s AND s.version_id = locked.version_id
    RETURNING s.version_id
"""

# Of a version without vectors in PostgreSQL that the store has none of either there is nothing to say any more.
_FORGET = """
    DELETE FROM retrieval_storedversion s
    WHERE s.generation_id = %(generation)s AND s.version_id = ANY(%(versions)s::uuid[])
      AND NOT s.is_held AND s.settles_at IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM documents_chunk c JOIN retrieval_embedding e ON e.chunk_id = c.id
          WHERE c.version_id = s.version_id AND e.generation_id = s.generation_id)
"""

_UNSETTLED = """
    SELECT version_id FROM retrieval_storedversion
    WHERE generation_id = %(generation)s AND (settles_at IS NULL OR settles_at > now())
    LIMIT %(limit)s
"""

_DROP = """
    DELETE FROM retrieval_storedversion WHERE (generation_id, version_id) IN (
        SELECT generation_id, version_id FROM retrieval_storedversion
        WHERE generation_id = %(generation)s ORDER BY version_id LIMIT %(limit)s FOR UPDATE)
"""
