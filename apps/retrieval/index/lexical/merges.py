"""Merging the lexical index's segments: small ones become large, and dead chunks leave.

Segments never change, so they are read and merged without a transaction. The one that writes first makes sure that all of
them are still there and nobody else is at them; it waits for no lock. A search sees the old ones or the new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.retrieval.index.lexical.merging import SegmentState, merges_due
from apps.retrieval.index.lexical.segments import LexicalIndex, SegmentContent, StoredPostings, segments_merge
from apps.retrieval.index.lexical.writing import SegmentVersion, lexical_build_missing, segment_write
from apps.retrieval.models import LexicalSegment
from ragsite.core.database import connection_release, rows_in_binary


@dataclass(frozen=True, slots=True)
class _HeldVersion:
    """A version in a segment: the ordinals of its chunks, and whether it is found there."""

    version: SegmentVersion
    first: int
    living: bool


def lexical_merge(turn: object = None) -> int:
    """Merge what has become too many segments; how many merges were done."""
    return sum(_index_merge(index, _states(index)) for index in _indexes())


def lexical_repair(turn: object = None) -> int:
    """Drop the indexes no generation uses, rewrite segments with dead chunks, and index what is missing; how many
    segments were rewritten and versions indexed. It reads all documents' current versions, so it is not for every moment.
    """
    lexical_drop_unused()
    rewritten = sum(_index_merge(index, _states_with_dead(index)) for index in _indexes())
    return rewritten + lexical_build_missing()


def _index_merge(index: LexicalIndex, states: Sequence[SegmentState]) -> int:
    return sum(_merge(index, segment_ids) for segment_ids in merges_due(states))


def _merge(index: LexicalIndex, segment_ids: Sequence[int]) -> bool:
    """Replace the segments by one that holds their living chunks; False where somebody else was at them."""
    held = _versions(segment_ids)
    contents = _contents(segment_ids)
    connection_release()
    if len(contents) != len(segment_ids):
        return False
    merged = segments_merge([(contents[pk], _kept(contents[pk], held[pk])) for pk in segment_ids])
    versions = [one.version for pk in segment_ids for one in held[pk] if one.living]
    with transaction.atomic():
        free = LexicalSegment.objects.filter(pk__in=segment_ids).select_for_update(skip_locked=True)
        if len(free.values_list("pk")) != len(segment_ids):
            return False
        _delete(segment_ids)
        segment_write(index, merged, versions)
    return True


def _kept(content: SegmentContent, held: Sequence[_HeldVersion]) -> NDArray[np.bool_]:
    kept = np.zeros(len(content.chunk_ids), dtype=bool)
    for one in held:
        kept[one.first : one.first + one.version.chunks] = one.living
    return kept


def _indexes() -> list[LexicalIndex]:
    found = LexicalSegment.objects.values_list("knowledge_base_id", "chunking_key").distinct()
    return [LexicalIndex(*row) for row in found]


def _states(index: LexicalIndex) -> list[SegmentState]:
    segments = LexicalSegment.objects.filter(knowledge_base_id=index.knowledge_base_id, chunking_key=index.chunking_key)
    return [SegmentState(pk, chunks) for pk, chunks in segments.values_list("pk", "chunk_count")]


def _states_with_dead(index: LexicalIndex) -> list[SegmentState]:
    with connection.cursor() as cursor:
        cursor.execute(_STATES, {"knowledge_base": index.knowledge_base_id, "key": index.chunking_key})
        return [SegmentState(pk, chunks, int(dead), float(age)) for pk, chunks, dead, age in cursor.fetchall()]


def _versions(segment_ids: Sequence[int]) -> dict[int, list[_HeldVersion]]:
    held: dict[int, list[_HeldVersion]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, {"segments": list(segment_ids)})
        for segment, version, title, language, first, chunks, living in cursor.fetchall():
            held[segment].append(_HeldVersion(SegmentVersion(version, title, language, chunks), first, living))
    return held


def _contents(segment_ids: Sequence[int]) -> dict[int, SegmentContent]:
    postings: dict[int, list[StoredPostings]] = defaultdict(list)
    for segment, *stored in rows_in_binary(_POSTINGS, {"segments": list(segment_ids)}):
        postings[segment].append(StoredPostings(*stored))
    return {
        segment: SegmentContent(np.frombuffer(ids, "<i8"), np.frombuffer(lengths, "<u2"), tuple(postings[segment]))
        for segment, ids, lengths in rows_in_binary(_SEGMENTS, {"segments": list(segment_ids)})
    }


def _delete(segment_ids: Sequence[int]) -> None:
    """The rows of postings and versions go by the database's cascade."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM retrieval_lexicalsegment WHERE id = ANY(%s)", [list(segment_ids)])


def lexical_drop_unused() -> None:
    """Drop the indexes that no generation uses."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP_UNUSED)


_STATES = """
    SELECT s.id, s.chunk_count,
           coalesce(sum(l.chunk_count) FILTER (WHERE d.id IS NULL), 0),
           extract(epoch FROM statement_timestamp() - s.created_at)
    FROM retrieval_lexicalsegment s
    LEFT JOIN retrieval_lexicalversion l ON l.segment_id = s.id
    LEFT JOIN documents_document d
        ON d.current_version_id = l.version_id AND d.deleted_at IS NULL AND d.title = l.title
    WHERE s.knowledge_base_id = %(knowledge_base)s AND s.chunking_key = %(key)s
    GROUP BY s.id
"""

_VERSIONS = """
    SELECT l.segment_id, l.version_id, l.title, l.language, l.first, l.chunk_count, d.id IS NOT NULL
    FROM retrieval_lexicalversion l
    LEFT JOIN documents_document d
        ON d.current_version_id = l.version_id AND d.deleted_at IS NULL AND d.title = l.title
    WHERE l.segment_id = ANY(%(segments)s)
    ORDER BY l.segment_id, l.first
"""

_SEGMENTS = "SELECT id, chunk_ids, lengths FROM retrieval_lexicalsegment WHERE id = ANY(%(segments)s::bigint[])"

_POSTINGS = """
    SELECT segment_id, term, ordinals, frequencies FROM retrieval_lexicalposting
    WHERE segment_id = ANY(%(segments)s::bigint[])
"""

_DROP_UNUSED = """
    DELETE FROM retrieval_lexicalsegment WHERE id IN (
        SELECT s.id FROM retrieval_lexicalsegment s
        WHERE NOT EXISTS (
            SELECT FROM retrieval_indexgeneration g
            WHERE g.knowledge_base_id = s.knowledge_base_id AND g.chunking_key = s.chunking_key)
        FOR UPDATE OF s SKIP LOCKED)
"""
