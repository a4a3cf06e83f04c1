"""The texts of spans of versions, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class VersionSpan:
    """Characters `start` to `end` of a version's parsed text."""

    version_id: UUID
    start: int
    end: int


def span_texts(spans: Sequence[VersionSpan]) -> list[str | None]:
    """The text of each span; None where the version's text is gone, or hidden from who reads."""
    if not spans:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, [[getattr(one, name) for one in spans] for name in ("version_id", "start", "end")])
        return [text for (text,) in cursor.fetchall()]


_TEXTS = """
    SELECT substr(p.text, s.first + 1, s.past - s.first)
    FROM unnest(%s::uuid[], %s::integer[], %s::integer[]) WITH ORDINALITY AS s (version, first, past, place)
    LEFT JOIN documents_parsedtext p ON p.version_id = s.version
    ORDER BY s.place
"""
