"""From chunk ids to passages: one statement, in which the condition is asked again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.documents.rights.access import AccessScope
from apps.documents.rights.reading import reading_as
from apps.retrieval.search.conditions import Condition
from apps.retrieval.search.fusion import RankedChunk
from apps.retrieval.search.passages import Passage


def passages_load(ranked: Sequence[RankedChunk], condition: Condition, *, scope: AccessScope) -> tuple[Passage, ...]:
    """The passages of the chunks, in their order. What no longer meets the condition since it was found is left out."""
    if not ranked:
        return ()
    parameters = condition.parameters | {"passage_chunk_ids": [one.chunk_id for one in ranked]}
    with reading_as(scope), connection.cursor() as cursor:
        cursor.execute(_SQL.format(condition=condition.sql), parameters)
        rows = {row[0]: row for row in cursor.fetchall()}
    return tuple(_passage(rows[one.chunk_id], one) for one in ranked if one.chunk_id in rows)


def _passage(row: tuple[Any, ...], found: RankedChunk) -> Passage:
    *known, heading_path, place = row
    fields: list[Any] = [*known, tuple(heading_path), json.loads(place) if place else None, found.score, found.scores]
    return Passage(*fields)


_SQL = """
    SELECT c.id, d.id, d.title, d.knowledge_base_id, v.id, v.number, c.start, c."end", c.text, c.heading_path, c.place
    FROM documents_chunk c
    JOIN documents_documentversion v ON v.id = c.version_id
    JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE c.id = ANY(%(passage_chunk_ids)s) AND {condition}
"""
