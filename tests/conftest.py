from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ragsite.core.jobs import SilentDoorbell
from tests import answers
from tests.events import every_payload_checked
from tests.locks import watched
from tests.model_server import engine  # noqa: F401 - a fixture for all
from tests.s3 import bucket, credentials, s3_server  # noqa: F401 - fixtures for all
from tests.servers import migrate

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

TESTS = Path(__file__).parent
SLOW_MARKS = {"django_db", "servers", "workers", "weights", "browser"}
SLOW_PLACES = (
    "flows",
    "apps/models/gateway/test_queue.py",
    "contracts/test_reranking_transports.py",
    "project/test_layers.py",
    "ragsite/gateway/test_edge.py",
    "ragsite/gateway/test_requests_running.py",
    "ragsite/stack",
    "ragsite/test_manage.py",
    "workers",
)
"""Tests of processes, servers and time limits, which take seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-fast` leaves out what needs the database, a process or seconds."""
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        if place.startswith(SLOW_PLACES) or SLOW_MARKS & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> None:
    """The stack was started for this session alone, so its own database is the test database."""
    migrate()


@pytest.fixture(autouse=True)
def _no_doorbell(settings: Any) -> None:
    """Only the flow tests, which start workers, ring for them."""
    settings.RAGSITE_DOORBELL = f"{SilentDoorbell.__module__}.{SilentDoorbell.__qualname__}"


@pytest.fixture(autouse=True)
def _blobs(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Every test has a store of its own."""
    settings.RAGSITE_BLOB_DIR = tmp_path / "blobs"
    yield
    shutil.rmtree(settings.RAGSITE_BLOB_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def _problems() -> Iterator[None]:
    """The problems of every test are declared."""
    with answers.every_problem_checked():
        yield


@pytest.fixture(autouse=True)
def _payloads() -> Iterator[None]:
    """The events of every test match the published schemas."""
    with every_payload_checked():
        yield


@pytest.fixture(autouse=True)
def _locks() -> Iterator[None]:
    """The code locks rows in one order in every test."""
    with watched() as watch:
        yield
    assert not watch.faults, "\n".join(watch.faults)
