"""The tables of ClickHouse, brought up step by step: numbered files of SQL, each of whose statements may be said again.

ClickHouse has no transactions over several statements. Two processes that bring it up at once, or one that is killed in the
middle, leave nothing that the next run does not make good.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.monitoring.analytics.changing import changed_at
from apps.monitoring.analytics.store import AnalyticsStore, lines_of

FOLDER = Path(__file__).resolve().parent
USUAL_DAYS = 400
"""For how long rows are kept as the files of SQL say it; a setting says otherwise."""

AGED: dict[str, str] = {
    "queries": "toDateTime(at)", "retrievals": "toDateTime(at)", "generations": "toDateTime(at)",
    "citations": "toDateTime(at)", "ratings": "toDateTime(at)", "ingestion": "toDateTime(at)", "models": "toDateTime(at)",
    "query_steps": "toDateTime(at)", "stage_times": "toDateTime(at)", "passages_cited": "day",
}  # fmt: skip
"""Tables whose rows go after a while, by what says when."""

STATE = """
    CREATE TABLE IF NOT EXISTS schema_state (name String, value String, at DateTime64(6, 'UTC') DEFAULT now64(6))
    ENGINE = ReplacingMergeTree(at) ORDER BY name
"""
_NAMED = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Step:
    """A file of the schema."""

    number: int
    name: str
    statements: tuple[str, ...]


def schema_steps() -> list[Step]:
    """All of them, in their order."""
    found = sorted(path for path in FOLDER.iterdir() if _NAMED.fullmatch(path.name))
    return [Step(int(path.name[:4]), path.stem, tuple(_statements(path.read_text()))) for path in found]


def schema_missing(store: AnalyticsStore) -> list[Step]:
    """Those that have not been taken."""
    store.command(STATE)
    taken = {row["name"] for row in store.rows("SELECT name FROM schema_state FINAL", {})}
    return [step for step in schema_steps() if step.name not in taken]


def schema_migrate(store: AnalyticsStore, *, days: int) -> list[str]:
    """Bring the tables up, and have rows kept for `days`; the names of the steps that were taken."""
    missing = schema_missing(store)
    for step in missing:
        for statement in step.statements:
            store.command(statement)
        _note(store, step.name, "")
    if missing or _days(store) != days:
        for table, at in AGED.items():
            store.command(f"ALTER TABLE {changed_at(store, table)} MODIFY TTL {at} + INTERVAL {int(days)} DAY")
        _note(store, "days", str(days))
    return [step.name for step in missing]


def _days(store: AnalyticsStore) -> int:
    rows = store.rows("SELECT value FROM schema_state FINAL WHERE name = 'days'", {})
    return int(rows[0]["value"]) if rows else USUAL_DAYS


def _note(store: AnalyticsStore, name: str, value: str) -> None:
    # Its own time makes each note a new one: by the same token it would be passed over.
    token = store.rows("SELECT toString(generateUUIDv4()) AS token", {})[0]["token"]
    store.insert("schema_state", lines_of([{"name": name, "value": value}]), token=token)


def _statements(text: str) -> Iterator[str]:
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    yield from (one for part in plain.split(";\n") if (one := part.strip().rstrip(";")))
