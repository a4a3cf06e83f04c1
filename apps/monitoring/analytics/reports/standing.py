"""What ClickHouse holds."""

from __future__ import annotations

from dataclasses import dataclass

from apps.monitoring.analytics.store import AnalyticsStore


@dataclass(frozen=True)
class TableStanding:
    """A table: rows before repeats are dropped, and bytes on the disk."""

    table: str
    rows: int
    bytes: int


def standing(store: AnalyticsStore) -> list[TableStanding]:
    """Each table, the first by its name first."""
    rows = store.rows(_TABLES, {})
    return [TableStanding(row["name"], int(row["held"] or 0), int(row["size"] or 0)) for row in rows]


_TABLES = """
    SELECT name, total_rows AS held, total_bytes AS size FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name
"""
