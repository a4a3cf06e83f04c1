"""The head of a table that a passage begins within: it stands before the passage in its version's text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.answers.tables import TableHead, TableHeads, TableLine, is_group, is_row, line_above
from apps.retrieval.search.passages import Passage
from ragsite.core.database import rows_prepared

BEFORE = 4_000
"""Characters before a passage that are looked at for the head of its table."""

FROM_START = 4_000
"""The same from the start of its section, for a table that is longer."""

LINES_ABOVE = 3
"""Before a table, among which the last one that says something is looked for."""


@dataclass(frozen=True, slots=True)
class Before:
    """What stands in a version before a place: `text`, which ends there, and the `beginning` of its section, each with the place
    that it begins at.
    """

    start: int
    text: str
    section: int = 0
    beginning: str = ""


def heads_read(passages: Sequence[Passage], scope: AccessScope) -> TableHeads:
    """The heads of tables, by chunk, of those passages that begin within one."""
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
    places = [Before(one.start - len(text), text, *section) for one, (_, text, *section) in zip(cut, rows, strict=True)]
    heads = {one.chunk_id: table_head(place) for one, place in zip(cut, places, strict=True)}
    return {chunk_id: head for chunk_id, head in heads.items() if head}


def head_of(before: str, beginning: str) -> tuple[str, ...]:
    """The names of the columns of a table that goes on after `before`; `beginning` is how its section begins. Empty where the
    table does not begin in either, or nothing of it stands before.
    """
    head = table_head(Before(0, before, 0, beginning))
    return head.cells if head else ()


def table_head(before: Before) -> TableHead | None:
    """The head of a table that goes on after that; None where it begins neither there nor in the beginning of its section, or
    nothing of it stands before.
    """
    lines = list(_lines(before.start, before.text))
    # Of as much text as is looked at, the first line may be cut.
    lines = lines[int(len(before.text) >= BEFORE) :]
    rows = 0
    while rows < len(lines) and is_row(lines[-1 - rows].text):
        rows += 1
    if rows == 0:
        return None
    group = next((one for one in reversed(lines[-rows:]) if is_group(one.text)), None)
    if rows < len(lines):
        return _headed(lines[-rows:], lines[:-rows], group)
    first = list(_lines(before.section, before.beginning))
    at = next((at for at, line in enumerate(first) if is_row(line.text)), None)
    return None if at is None else _headed(first[at:], first[:at], group)


def _headed(rows: Sequence[TableLine], above: Sequence[TableLine], group: TableLine | None) -> TableHead:
    text = "\n".join(one.text for one in above[-LINES_ABOVE:])
    return TableHead(rows[0], line_above(text), None if group == rows[0] else group)


def _lines(start: int, text: str) -> Iterator[TableLine]:
    """The lines of a text without empty ones at its end, each with its place."""
    for line in text.rstrip("\n").split("\n"):
        yield TableLine(start, line)
        start += len(line) + 1


_HEADS = """
    SELECT w.place, substr(p.text, greatest(w.start - %(before)s, 0) + 1, least(w.start, %(before)s)),
           coalesce(s.start, 0), substr(p.text, coalesce(s.start, 0) + 1, %(from_start)s)
    FROM unnest(%(versions)s::uuid[], %(starts)s::integer[]) WITH ORDINALITY AS w (version, start, place)
    JOIN documents_parsedtext p ON p.version_id = w.version
    LEFT JOIN LATERAL (
        SELECT max(s.start) AS start FROM jsonb_to_recordset(p.sections) AS s (start integer) WHERE s.start <= w.start
    ) s ON true
    ORDER BY w.place
"""
