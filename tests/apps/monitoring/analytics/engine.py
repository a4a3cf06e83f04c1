"""The real engine, in a process of its own, as on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apps.monitoring.analytics.asking import ADDRESS, AskingStore
from apps.monitoring.analytics.store import AnalyticsStore
from ragsite.stack.local import PROJECT_DIR
from tests.waiting import wait_for


@contextmanager
def engine_served() -> Iterator[Path]:
    """The data folder of a process that owns the engine, for the block."""
    with tempfile.TemporaryDirectory(prefix="ragsite-analytics-") as folder:
        given = {**os.environ, "RAGSITE_DATA_DIR": folder, "CLICKHOUSE_URL": "embedded"}
        command = [sys.executable, "manage.py", "analytics", "serve"]
        with subprocess.Popen(command, cwd=PROJECT_DIR, env=given) as process:
            address = Path(folder) / "analytics" / ADDRESS
            wait_for(
                lambda: address.exists() or process.poll() is not None, seconds=120, what="the engine's address"
            )  # fmt: skip
            assert process.poll() is None
            yield Path(folder)
            process.terminate()
            assert process.wait(60) == 0
            assert not address.exists()


@contextmanager
def engine_asked(folder: Path) -> Iterator[AnalyticsStore]:
    """The engine of the folder as other processes ask it, with its tables."""
    asking = AskingStore(folder / "analytics")
    wait_for(lambda: "models_of_told" in _tables(asking), seconds=60, what="the last of the tables")
    yield asking
    asking.close()


def _tables(store: AnalyticsStore) -> set[str]:
    return {row["name"] for row in store.rows("SHOW TABLES", {})}
