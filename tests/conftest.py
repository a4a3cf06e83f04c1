from __future__ import annotations

import gc
import itertools
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis
import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import TransactionTestCase
from xdist.scheduler import LoadFileScheduling

from ragsite.core.jobs import SilentDoorbell
from tests import answers
from tests.emptying import emptying_allowed, tables_empty
from tests.events import every_payload_checked
from tests.locks import watched
from tests.model_server import engine  # noqa: F401 - a fixture for all
from tests.s3 import bucket, credentials, s3_server  # noqa: F401 - fixtures for all
from tests.sessions import is_late, sessions_told

# A password costs a third of a second to hash, so that nobody tries many. Tests make hundreds, and a hash says how it was made.
PBKDF2PasswordHasher.iterations = 1

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

TESTS = Path(__file__).parent
FLOWS = "flows"
SLOW_MARKS = {"django_db", "servers", "workers", "weights", "browser"}
SLOW_PLACES = (
    "flows",
    "apps/models/gateway/test_queue.py",
    "contracts/test_reranking_transports.py",
    "project/test_layers.py",
    "project/test_site.py",
    "ragsite/gateway/test_admin_pages.py",
    "ragsite/gateway/test_edge.py",
    "ragsite/gateway/test_requests_running.py",
    "ragsite/stack",
    "ragsite/test_manage.py",
    "workers",
)
"""Tests of processes, servers and time limits, which take seconds each."""


class LongestFirst(LoadFileScheduling):
    """Files are shared out as they are sorted; the flows stay together, as they share a running system."""

    def _split_scope(self, nodeid: str) -> str:
        return FLOWS if nodeid.startswith(f"tests/{FLOWS}/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongestFirst:
    config.option.loadscopereorder = False
    return LongestFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-fast` leaves out what needs the database, a process or seconds; in the suite that comes first, so that of two
    processes none is left with minutes to go when the other is done.
    """
    slow_files = set()
    for item in items:
        place = item.path.relative_to(TESTS).as_posix()
        if place.startswith(SLOW_PLACES) or SLOW_MARKS & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.slow)
            slow_files.add(item.path)
    items.sort(key=lambda item: (FLOWS not in item.path.parts, item.path not in slow_files))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not go through it again and again, nor come after every
    700 objects, which takes a tenth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that ran out of time says what the sessions of the database were at."""
    report = yield
    if call.excinfo is not None and is_late(call.excinfo.value):
        report.sections.append(("Sessions of the database", sessions_told()))
    return report


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The stack was started for this session alone, so its own database is the test database; its schema is made already."""
    emptying_allowed()
    with patch.object(TransactionTestCase, "_fixture_teardown", tables_empty):
        yield


@pytest.fixture(autouse=True)
def _no_doorbell(settings: Any) -> None:
    """Only the flow tests, which start workers, ring for them."""
    settings.RAGSITE_DOORBELL = f"{SilentDoorbell.__module__}.{SilentDoorbell.__qualname__}"


@pytest.fixture(scope="session")
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for one test after another. Pytest's own looks at all that are there before it makes another."""
    folder = tmp_path_factory.mktemp("stores")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _blobs(settings: Any, _stores: Iterator[Path]) -> Iterator[None]:
    """Every test has a store of its own."""
    folder = next(_stores)
    folder.mkdir()
    settings.RAGSITE_BLOB_DIR = folder / "blobs"
    yield
    shutil.rmtree(folder, ignore_errors=True)


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
