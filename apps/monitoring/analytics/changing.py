"""Where rows of a table are changed: a table over several shards takes none of these statements itself."""

from __future__ import annotations

import re

from apps.monitoring.analytics.store import AnalyticsStore

_DISTRIBUTED = re.compile(r"Distributed\('?(\w+)'?, '?(\w+)'?, '?(\w+)'?")


def changed_at(store: AnalyticsStore, table: str) -> str:
    """What to name in a statement that changes or removes rows of a table: itself, or the parts of a clustered one everywhere."""
    asked = "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"
    rows = store.rows(asked, {"name": table})
    found = _DISTRIBUTED.match(str(rows[0]["engine_full"])) if rows else None
    if found is None:
        return table
    cluster, database, part = found.groups()
    return f"{database}.{part} ON CLUSTER {cluster}"
