"""What stands around a passage: the chunks next to it, and the section it belongs to, with exact spans."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.search.filters import scope_condition

MOST_CHARACTERS = 8_000
"""Of a section that is longer only a part is shown, with the passage in its middle."""

LONGEST_WORD = 100


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk `distance` places after a passage, before it where that is negative; `text` is from `start` to `end`, under
    `heading_path` at `place`.
    """

    chunk_id: int
    distance: int
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...] = ()
    place: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ParentSection:
    """Characters `start` to `end` of the parsed text under a heading; `complete` if that is the whole section."""

    heading_path: tuple[str, ...]
    start: int
    end: int
    text: str
    complete: bool


def neighbours_of(chunk_ids: Sequence[int], *, scope: AccessScope, reach: int) -> dict[int, tuple[Neighbour, ...]]:
    """Up to `reach` chunks before and after each chunk, in the order of the text, by the chunk's id.

    They are of the same version and chunking. Neighbours may overlap the passage, as chunks do.
    """
    condition = scope_condition(scope)
    parameters = condition.parameters | {"around_chunk_ids": list(chunk_ids), "around_reach": reach}
    found: dict[int, list[Neighbour]] = defaultdict(list)
    for chunk_id, *known, path, place in _rows(_NEIGHBOURS.format(condition=condition.sql), parameters, scope):
        fields: list[Any] = [*known, tuple(path), json.loads(place) if place else None]
        found[chunk_id].append(Neighbour(*fields))
    return {chunk_id: tuple(found[chunk_id]) for chunk_id in chunk_ids}


def sections_of(
    chunk_ids: Sequence[int], *, scope: AccessScope, most_characters: int = MOST_CHARACTERS
) -> dict[int, ParentSection]:
    """The deepest section with a heading that each chunk lies in, with what stands under its subheadings, by chunk id.

    Text before the first heading is a section of its own, and a text without headings is one. Of a section longer than
    `most_characters` no more is given, cut between words; the chunk itself is never cut.
    """
    condition = scope_condition(scope)
    parameters = condition.parameters | {"around_chunk_ids": list(chunk_ids), "around_most": most_characters}
    rows = _rows(_SECTIONS.format(condition=condition.sql), parameters, scope)
    return {row[0]: _section(_Cut(*row[1:])) for row in rows}


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of a section as it was read: from `start`, and the whole section's and the chunk's spans."""

    heading_path: list[str]
    section_start: int
    section_end: int
    chunk_start: int
    chunk_end: int
    start: int
    text: str


def _section(cut: _Cut) -> ParentSection:
    first, last = _between_words(cut)
    text = cut.text[first:last]
    start = cut.start + first
    complete = (start, start + len(text)) == (cut.section_start, cut.section_end)
    return ParentSection(tuple(cut.heading_path), start, start + len(text), text, complete)


def _between_words(cut: _Cut) -> tuple[int, int]:
    """Where in the part that was read to begin and to end: not within a word, and not in white space."""
    first, last = 0, len(cut.text)
    chunk_first, chunk_last = cut.chunk_start - cut.start, cut.chunk_end - cut.start
    if cut.start > cut.section_start:
        blanks = (place for place in range(min(LONGEST_WORD, chunk_first)) if cut.text[place].isspace())
        first = next(blanks, first)
    if cut.start + last < cut.section_end:
        blanks = (
            place
            for place in range(last - 1, max(last - LONGEST_WORD, chunk_last) - 1, -1)
            if cut.text[place].isspace()
        )
        last = next(blanks, last)
    part = cut.text[first:last]
    return first + len(part) - len(part.lstrip()), last - len(part) + len(part.rstrip())


def _rows(statement: str, parameters: dict[str, Any], scope: AccessScope) -> list[tuple[Any, ...]]:
    with reading_as(scope), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


_NEIGHBOURS = """
    SELECT c.id, n.id, n.ordinal - c.ordinal, n.start, n."end", n.text, n.heading_path, n.place
    FROM documents_chunk c
    JOIN documents_document d ON d.current_version_id = c.version_id
    JOIN documents_chunk n ON n.version_id = c.version_id AND n.chunking_key = c.chunking_key AND n.id <> c.id
         AND n.ordinal BETWEEN c.ordinal - %(around_reach)s AND c.ordinal + %(around_reach)s
    WHERE c.id = ANY(%(around_chunk_ids)s) AND {condition}
    ORDER BY c.id, n.ordinal
"""

# A section ends where the next one begins that is not under the same heading; `s.own` says which are.
_SECTIONS = """
    WITH c AS MATERIALIZED (
        SELECT c.id, c.version_id, c.start, c."end", c.heading_path
        FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
        WHERE c.id = ANY(%(around_chunk_ids)s) AND {condition}
    ), s AS (
        SELECT c.id, s.start, s."end", CASE WHEN cardinality(c.heading_path) = 0 THEN cardinality(s.heading_path) = 0
               ELSE s.heading_path[:cardinality(c.heading_path)] = c.heading_path END AS own
        FROM c JOIN documents_parsedtext p ON p.version_id = c.version_id,
             jsonb_to_recordset(p.sections) AS s (start integer, "end" integer, heading_path text[])
    ), edge AS (
        SELECT c.id, coalesce(max(s."end") FILTER (WHERE NOT s.own AND s."end" <= c.start), 0) AS lower,
               coalesce(min(s.start) FILTER (WHERE NOT s.own AND s.start >= c."end"), 2147483647) AS upper
        FROM c JOIN s USING (id) GROUP BY c.id
    ), whole AS (
        SELECT e.id, least(c.start, min(s.start)) AS start, greatest(c."end", max(s."end")) AS "end"
        FROM edge e JOIN c USING (id) LEFT JOIN s ON s.id = e.id AND s.own AND s.start >= e.lower AND s."end" <= e.upper
        GROUP BY e.id, c.start, c."end"
    ), part AS (
        SELECT w.*, greatest(w.start, least(c.start, w."end" - %(around_most)s,
                             c.start - (%(around_most)s - (c."end" - c.start)) / 2)) AS begins
        FROM whole w JOIN c USING (id)
    )
    SELECT c.id, c.heading_path, w.start, w."end", c.start, c."end", w.begins,
           substr(p.text, w.begins + 1,
                  greatest(least(w."end", w.begins + %(around_most)s), c."end") - w.begins)
    FROM part w JOIN c USING (id) JOIN documents_parsedtext p ON p.version_id = c.version_id
"""
