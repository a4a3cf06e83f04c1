"""The engine for these tests. Each has a tenant of its own, so nothing is cleaned up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.monitoring.analytics.store import AnalyticsStore
from tests.apps.monitoring.analytics.engine import engine_asked, engine_served


@pytest.fixture(scope="session")
def engine_folder() -> Iterator[Path]:
    """The data folder of a process that owns the engine."""
    with engine_served() as folder:
        yield folder


@pytest.fixture(scope="session")
def store(engine_folder: Path) -> Iterator[AnalyticsStore]:
    """The engine as other processes ask it, with its tables."""
    with engine_asked(engine_folder) as asking:
        yield asking
