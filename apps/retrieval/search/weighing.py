"""The candidates of a fused order with what is preferred among them: see `preferring`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from apps.documents.parsing.types import PlaceKind
from apps.documents.retrieval_settings import RetrievalSettings
from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.index.lexical.reading import TermStatistics
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import RankedChunk
from apps.retrieval.search.meeting import rows_meeting
from apps.retrieval.search.naming import asked_words
from apps.retrieval.search.preferring import Candidate, has_preferences, prefer

PAGED = (PlaceKind.PAGE, PlaceKind.SLIDE)
"""Places that are seen as a whole."""


def names_and_pages_weighed(
    ranked: Sequence[RankedChunk],
    condition: Condition,
    *,
    scope: AccessScope,
    question: str,
    statistics: TermStatistics,
    settings: RetrievalSettings,
    limit: int,
) -> tuple[RankedChunk, ...]:
    """The `limit` best of the ranked chunks in the order that the settings prefer. Of what no longer meets the condition since it
    was found neither a chunk is left nor a name counts.
    """
    if not ranked or not has_preferences(settings):
        return tuple(ranked[:limit])
    candidates = candidates_read([one.chunk_id for one in ranked], condition, scope=scope)
    return prefer(ranked, candidates, asked_words(question, statistics), settings=settings, limit=limit)


def candidates_read(chunk_ids: Sequence[int], condition: Condition, *, scope: AccessScope) -> dict[int, Candidate]:
    """By chunk id, of those that meet the condition, their documents and pages."""
    with reading_as(scope):
        rows = rows_meeting(_SQL, condition, {"candidate_chunk_ids": list(chunk_ids)})
    return {chunk_id: _candidate(*row) for chunk_id, *row in rows}


def _candidate(document_id: UUID, title: str, kind: str | None, number: int | None) -> Candidate:
    return Candidate(document_id, title, (document_id, kind, number) if kind in PAGED and number else None)


_SQL = """
    SELECT c.id, d.id, d.title, c.place->>'kind', (c.place->>'number')::int
    FROM documents_chunk c
    JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE c.id = ANY(%(candidate_chunk_ids)s::bigint[]) AND {condition}
"""
