"""The head of a table that a passage begins within: it stands before the passage in its version's text."""

from __future__ import annotations

from collections.abc import Sequence

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.answers.extractive.units import Heads, is_row, row_cells
from apps.retrieval.search.passages import Passage
from ragsite.core.database import rows_prepared

BEFORE = 4_000
"""Characters before a passage that are looked at for the head of its table."""

FROM_START = 4_000
"""The same from the start of its section, for a table that is longer."""


def heads_read(passages: Sequence[Passage], scope: AccessScope) -> Heads:
    """The names of columns, by chunk, of those passages that begin within a table."""
    cut = [one for one in passages if one.start > 0 and is_row(one.text.split("\n", 1)[0])]
    if not cut:
        return {}
    with reading_as(scope):
        rows = rows_prepared(
            _HEADS,
            {
                "versions": [one.version_id for one in cut],
                "starts": [one.start for one in cut],
                "before": BEFORE,
                "from_start": FROM_START,
            },
        )
    heads = {one.chunk_id: head_of(before, beginning) for one, (_, before, beginning) in zip(cut, rows, strict=True)}
    return {chunk_id: head for chunk_id, head in heads.items() if head}


def head_of(before: str, beginning: str) -> tuple[str, ...]:
    """The names of the columns of a table that goes on after `before`; `beginning` is how its section begins. Empty where the
    table does not begin in either, or nothing of it stands before.
    """
    # Of as much text as is looked at, the first line may be cut.
    lines = before.rstrip("\n").split("\n")[int(len(before) >= BEFORE) :]
    rows = 0
    while rows < len(lines) and is_row(lines[-1 - rows]):
        rows += 1
    if rows == 0:
        return ()
    if rows < len(lines):
        return row_cells(lines[-rows])
    first = next((line for line in beginning.split("\n") if is_row(line)), None)
    return row_cells(first) if first else ()


_HEADS = """
    SELECT w.place, substr(p.text, greatest(w.start - %(before)s, 0) + 1, least(w.start, %(before)s)),
           substr(p.text, coalesce(s.start, 0) + 1, %(from_start)s)
    FROM unnest(%(versions)s::uuid[], %(starts)s::integer[]) WITH ORDINALITY AS w (version, start, place)
    JOIN documents_parsedtext p ON p.version_id = w.version
    LEFT JOIN LATERAL (
        SELECT max(s.start) AS start FROM jsonb_to_recordset(p.sections) AS s (start integer) WHERE s.start <= w.start
    ) s ON true
    ORDER BY w.place
"""
