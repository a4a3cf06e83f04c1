"""Merging the lexical index's segments: small ones of like size become a large one, and dead chunks leave.

Segments never change, so they are read and merged without a transaction. The one that writes first makes sure that all of
them are still there and nobody else is at them; it waits for no lock. A search sees the old ones or the new one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.retrieval.index.lexical.analysis import ANALYSIS
from apps.retrieval.index.lexical.held import HeldVersion, contents_of, segments_delete, versions_held
from apps.retrieval.index.lexical.reanalysing import lexical_reanalyse
from apps.retrieval.index.lexical.segments import LexicalIndex, SegmentContent, segments_merge
from apps.retrieval.index.lexical.writing import lexical_build_missing, segment_write
from apps.retrieval.models import LexicalSegment
from ragsite.core.bites import bites, walk
from ragsite.core.database import connection_release
from ragsite.core.work import Turn

PAGE_SEGMENTS = 1_000
PAGE_CHUNKS = 100_000
"""Segments, and about how many chunks, that a page of the walk looks at."""

REWRITTEN = 20
"""Segments of a page that are rewritten; where more have to be, the page ends there."""


FAN = 8
LARGEST = 1 << 16
"""Chunks of a segment that merges may make. A merge of so many takes seconds."""

DEAD_SHARE = 0.1
DEAD_SECONDS = 3600.0
SMALL = 4096
"""Chunks of a segment that is rewritten as soon as one of them has died."""


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment's chunks, those that are found no more (not current, deleted, renamed), its age in seconds, and which analysis
    its terms are of.
    """

    id: int
    chunks: int
    dead: int = 0
    seconds: float = 0.0
    analysis: int = ANALYSIS

    @property
    def living(self) -> int:
        return self.chunks - self.dead


def merges_due(states: Sequence[SegmentState]) -> list[tuple[int, ...]]:
    """The ids of the segments to be merged, group by group; a group of one is rewritten without its dead."""
    tiers: dict[tuple[int, int], list[SegmentState]] = defaultdict(list)
    for state in sorted(states, key=lambda state: state.id):
        tiers[state.analysis, _tier(state)].append(state)
    groups = [group for tier in tiers.values() if len(tier) >= FAN for group in _fitting(tier) if len(group) > 1]
    taken = {state.id for group in groups for state in group}
    alone = worn([state for state in states if state.id not in taken])
    return [tuple(state.id for state in group) for group in groups] + alone


def worn(states: Sequence[SegmentState]) -> list[tuple[int, ...]]:
    """The ids of the segments that are to be rewritten alone, each a group of one."""
    return [(state.id,) for state in states if _is_worn(state)]


def _tier(state: SegmentState) -> int:
    return math.floor(math.log(max(state.living, 1), FAN))


def _fitting(tier: Sequence[SegmentState]) -> Iterator[list[SegmentState]]:
    """The segments in groups that together have no more than LARGEST living chunks, or are one."""
    group: list[SegmentState] = []
    for state in tier:
        if group and sum(other.living for other in group) + state.living > LARGEST:
            yield group
            group = []
        group.append(state)
    yield group


def _is_worn(state: SegmentState) -> bool:
    due = state.chunks <= SMALL or state.dead >= DEAD_SHARE * state.chunks or state.seconds >= DEAD_SECONDS
    return state.dead > 0 and due


REPAIR = "lexical repair"
"""The name of its walk."""

SEGMENTS, DOCUMENTS = "segments", "documents"


def lexical_merge(turn: Turn) -> bool:
    """Merge what has become too many segments; whether the turn was over before all was merged.

    One statement looks at all indexes, and each merge is a bite: of 65,536 chunks at most, which takes seconds.
    """
    for index, states in _crowded().items():
        for group in merges_due(states):
            if turn.is_over():
                return True
            _merge(index, group)
    return False


def lexical_repair(turn: Turn) -> bool:
    """Drop the indexes no generation uses, rewrite segments with dead chunks, index what is missing, and write anew what an
    earlier analysis wrote; whether the turn was over before all was done.

    It walks through the ones and then the others page by page, and where it stands is kept in the database after each.
    """
    return bites(turn, lexical_drop_unused) or walk(turn, REPAIR, _repair) or _reanalysed(turn)


def _reanalysed(turn: Turn) -> bool:
    """Write anew what an earlier analysis wrote, a bite at least; whether there may be more."""
    while lexical_reanalyse():
        if turn.is_over():
            return True
    return False


def _repair(position: str) -> str:
    """Look at the next page of segments, or after the last one of documents. A position says of which it is."""
    what, _, after = position.partition(" ")
    if what == DOCUMENTS:
        after = lexical_build_missing(after)
        return f"{DOCUMENTS} {after}" if after else ""
    after = _segments_repair(after)
    return f"{SEGMENTS} {after}" if after else f"{DOCUMENTS} "


def _segments_repair(position: str) -> str:
    """Rewrite those of the next segments in which chunks have died; the position after them, "" at the end."""
    page = _page(int(position or 0))
    due = sorted(((group, index) for index, states in page.items() for group in worn(states)), key=itemgetter(0))
    for group, index in due[:REWRITTEN]:
        _merge(index, group)
    if len(due) > REWRITTEN:
        return str(due[REWRITTEN - 1][0][0])
    return str(max((state.id for states in page.values() for state in states), default=""))


def _merge(index: LexicalIndex, segment_ids: Sequence[int]) -> bool:
    """Replace the segments by one that holds their living chunks; False where somebody else was at them."""
    held = versions_held(segment_ids)
    contents = contents_of(segment_ids)
    connection_release()
    if len(contents) != len(segment_ids):
        return False
    merged = segments_merge([(contents[pk], _kept(contents[pk], held[pk])) for pk in segment_ids])
    versions = [one.version for pk in segment_ids for one in held[pk] if one.living]
    with transaction.atomic():
        free = LexicalSegment.objects.filter(pk__in=segment_ids).select_for_update(skip_locked=True)
        analyses = [analysis for _, analysis in free.values_list("pk", "analysis")]
        if len(analyses) != len(segment_ids):
            return False
        segments_delete(segment_ids)
        segment_write(index, merged, versions, analysis=min(analyses))
    return True


def _kept(content: SegmentContent, held: Sequence[HeldVersion]) -> NDArray[np.bool_]:
    kept = np.zeros(len(content.chunk_ids), dtype=bool)
    for one in held:
        kept[one.first : one.first + one.version.chunks] = one.living
    return kept


def _crowded() -> dict[LexicalIndex, list[SegmentState]]:
    """The segments of the indexes that have so many that some may be merged."""
    return _by_index(_CROWDED, {"fan": FAN})


def _page(after: int) -> dict[LexicalIndex, list[SegmentState]]:
    """The next segments after that one, about so many chunks, with those of them that have died."""
    return _by_index(_PAGE.format(bounded=_BOUNDED), {"after": after, "segments": PAGE_SEGMENTS, "chunks": PAGE_CHUNKS})


def _by_index(statement: str, parameters: dict[str, int]) -> dict[LexicalIndex, list[SegmentState]]:
    states: dict[LexicalIndex, list[SegmentState]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for base, key, pk, chunks, dead, age, analysis in cursor.fetchall():
            states[LexicalIndex(base, key)].append(SegmentState(pk, chunks, int(dead), float(age), analysis))
    return states


def lexical_drop_unused() -> bool:
    """Drop some segments of indexes that no generation uses; whether there may be more."""
    return _drop(_DROP_UNUSED, {})


def lexical_drop(knowledge_base_id: UUID) -> bool:
    """Drop some segments of a deleted knowledge base; whether there may be more."""
    return _drop(_DROP_ALL, {"knowledge_base": knowledge_base_id})


def _drop(statement: str, parameters: dict[str, UUID]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters, "segments": PAGE_SEGMENTS, "chunks": LARGEST})
        return int(cursor.rowcount) > 0


_CROWDED = """
    SELECT s.knowledge_base_id, s.chunking_key, s.id, s.chunk_count, 0, 0, s.analysis
    FROM retrieval_lexicalsegment s
    JOIN (
        SELECT knowledge_base_id, chunking_key FROM retrieval_lexicalsegment
        GROUP BY knowledge_base_id, chunking_key HAVING count(*) >= %(fan)s
    ) crowded USING (knowledge_base_id, chunking_key)
    JOIN documents_knowledgebase kb ON kb.id = s.knowledge_base_id AND kb.deleted_at IS NULL
"""

# At least one segment, and then as many as have so many chunks together.
_BOUNDED = """
    SELECT id FROM (
        SELECT id, sum(chunk_count) OVER (ORDER BY id) - chunk_count AS before FROM chosen) bounded
    WHERE before < %(chunks)s
"""

_PAGE = """
    WITH chosen AS (
        SELECT s.id, s.chunk_count
        FROM retrieval_lexicalsegment s
        JOIN documents_knowledgebase kb ON kb.id = s.knowledge_base_id AND kb.deleted_at IS NULL
        WHERE s.id > %(after)s
        ORDER BY s.id LIMIT %(segments)s
    )
    SELECT s.knowledge_base_id, s.chunking_key, s.id, s.chunk_count,
           coalesce(sum(l.chunk_count) FILTER (WHERE d.id IS NULL), 0),
           extract(epoch FROM statement_timestamp() - s.created_at), s.analysis
    FROM retrieval_lexicalsegment s
    LEFT JOIN retrieval_lexicalversion l ON l.segment_id = s.id
    LEFT JOIN documents_document d
        ON d.current_version_id = l.version_id AND d.deleted_at IS NULL AND d.title = l.title
    WHERE s.id IN ({bounded})
    GROUP BY s.id
"""

_DROP = """
    WITH chosen AS (
        SELECT s.id, s.chunk_count FROM retrieval_lexicalsegment s WHERE {where}
        ORDER BY s.id LIMIT %(segments)s FOR UPDATE OF s SKIP LOCKED
    )
    DELETE FROM retrieval_lexicalsegment WHERE id IN ({bounded})
"""
_DROP_UNUSED = _DROP.format(
    where="""NOT EXISTS (
        SELECT FROM retrieval_indexgeneration g
        WHERE g.knowledge_base_id = s.knowledge_base_id AND g.chunking_key = s.chunking_key)""",
    bounded=_BOUNDED,
)
_DROP_ALL = _DROP.format(where="s.knowledge_base_id = %(knowledge_base)s", bounded=_BOUNDED)
