from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.stand import Stand, standing
from tests.flows.checks import Database


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """They take minutes, and break what they run on: only who asks for them by their marker (`-m fault`) gets them."""
    asked = str(config.option.markexpr).split()[:1] == ["fault"]
    return None if asked or collection_path.suffix != ".py" else True


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A system of the module's own, as `make up` starts it, with the settings that an installation has by itself."""
    with standing() as started:
        yield started


@pytest.fixture
def database(stand: Stand) -> Iterator[Database]:
    """A look into the system's database, past whatever stands before it."""
    with psycopg.connect(stand.database_url, autocommit=True) as connection:
        yield connection
