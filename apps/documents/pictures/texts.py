"""Parts of a version's parsed text, read without the whole of it: where its pages lie, and what stands around a span."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from apps.documents.parsing.types import PlaceKind, Section, Span, sections_from_list

MOST_SECTIONS = 400
"""That are told of one part of a text."""


@dataclass(frozen=True, slots=True)
class TextFacts:
    """How many characters a parsed text has, and the pages of its file; 0 where it has none."""

    length: int
    pages: int


def text_facts(version_id: UUID) -> TextFacts | None:
    """None where the version was not parsed."""
    rows = _rows(_FACTS, version_id)
    return TextFacts(rows[0][0], int(rows[0][1] or 0)) if rows else None


def text_between(version_id: UUID, start: int, end: int) -> str:
    """The characters from `start` to `end`, as far as there are any."""
    rows = _rows(_TEXT, start + 1, max(0, end - start), version_id)
    return str(rows[0][0]) if rows else ""


def text_drawn(version_id: UUID, start: int, end: int) -> str:
    """As `text_between`, as the file has it: what is masked in the text stands on the page all the same."""
    rows = _rows(_ORIGINAL, start + 1, max(0, end - start), version_id)
    return str(rows[0][0]) if rows else text_between(version_id, start, end)


def sections_between(version_id: UUID, start: int, end: int) -> tuple[Section, ...]:
    """The first MOST_SECTIONS sections that reach into the characters from `start` to `end`, in their order."""
    rows = _rows(_SECTIONS, version_id, start, end, MOST_SECTIONS)
    return sections_from_list([json.loads(section) for (section,) in rows])


def page_span(version_id: UUID, page: int) -> Span | None:
    """The characters of a page; None where nothing was read on it."""
    ((start, end),) = _rows(_PAGE, version_id, PlaceKind.PAGE.value, str(page))
    return None if start is None else (start, end)


def pages_of_span(version_id: UUID, start: int, end: int) -> list[int]:
    """The pages that a span reaches over, from the first."""
    places = (section.place for section in sections_between(version_id, start, end))
    pages = (place.number for place in places if place and place.kind is PlaceKind.PAGE and place.number)
    return list(dict.fromkeys(pages))


def _rows(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


_FACTS = "SELECT length(text), metadata->>'pages' FROM documents_parsedtext WHERE version_id = %s"
_TEXT = "SELECT substr(text, %s, %s) FROM documents_parsedtext WHERE version_id = %s"
_ORIGINAL = "SELECT substr(text, %s, %s) FROM documents_originaltext WHERE version_id = %s"
_SECTIONS = """
    SELECT one.section::text
    FROM documents_parsedtext p, jsonb_array_elements(p.sections) WITH ORDINALITY AS one (section, place)
    WHERE p.version_id = %s AND (one.section->>'end')::integer > %s AND (one.section->>'start')::integer < %s
    ORDER BY one.place LIMIT %s
"""
_PAGE = """
    SELECT min((section->>'start')::integer), max((section->>'end')::integer)
    FROM documents_parsedtext p, jsonb_array_elements(p.sections) AS section
    WHERE p.version_id = %s AND section->'place'->>'kind' = %s AND section->'place'->>'number' = %s
"""
