"""What segments hold, read to be written into others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from apps.retrieval.index.lexical.segments import SegmentContent, StoredPostings
from apps.retrieval.index.lexical.writing import SegmentVersion
from ragsite.core.database import rows_in_binary


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version in a segment: the ordinals of its chunks, and whether it is found there."""

    version: SegmentVersion
    first: int
    living: bool


def versions_held(segment_ids: Sequence[int]) -> dict[int, list[HeldVersion]]:
    """The versions of each segment, in the order of their chunks."""
    held: dict[int, list[HeldVersion]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, {"segments": list(segment_ids)})
        for segment, version, document, title, language, first, chunks, living in cursor.fetchall():
            held[segment].append(HeldVersion(SegmentVersion(version, document, title, language, chunks), first, living))
    return held


def contents_of(segment_ids: Sequence[int]) -> dict[int, SegmentContent]:
    """What each of the segments holds; one that is gone is left out."""
    postings: dict[int, list[StoredPostings]] = defaultdict(list)
    for segment, *stored in rows_in_binary(_POSTINGS, {"segments": list(segment_ids)}):
        postings[segment].append(StoredPostings(*stored))
    return {
        segment: SegmentContent(np.frombuffer(ids, "<i8"), np.frombuffer(lengths, "<u2"), tuple(postings[segment]))
        for segment, ids, lengths in rows_in_binary(_SEGMENTS, {"segments": list(segment_ids)})
    }


def segments_delete(segment_ids: Sequence[int]) -> None:
    """Delete segments in the caller's transaction, who has locked them; postings and versions go by the database's cascade."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM retrieval_lexicalsegment WHERE id = ANY(%s)", [list(segment_ids)])


_VERSIONS = """
    SELECT l.segment_id, l.version_id, l.document_id, l.title, l.language, l.first, l.chunk_count, d.id IS NOT NULL
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
