"""A pytest plugin: one embedded stack for the whole session, started before Django reads its settings.

Every test works against real servers as the application's role. The schema belongs to the owner's role, as in production.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from ragsite.stack import postgres
from ragsite.stack.stack import Stack
from tests.schema import schema_laid

PROJECT = Path(__file__).resolve().parents[1]
NOWHERE = {
    "DATABASE_URL": "postgresql://nowhere",
    "REDIS_URL": "redis://nowhere",
    "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1",
    "RAGSITE_SECRET_KEY": "0" * 40,
}
_session = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start the servers and put their addresses into the environment; none where other processes run the tests."""
    if early_config.known_args_namespace.numprocesses and "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(NOWHERE)
        return (yield)
    directory = _session.enter_context(own_folder())
    os.environ.update(
        RAGSITE_DATA_DIR=str(directory),
        RAGSITE_SECRET_KEY="tests-only-" + "0" * 40,
        RAGSITE_MODEL_TRANSPORT="fake",
        RAGSITE_MODEL_THREADS="2",
        # Threads that wait for work of a model leave the processor to others, as in model workers.
        OMP_WAIT_POLICY="passive",
        # Tests that ask twice mean to be answered twice; those of the cache switch it on.
        RAGSITE_ANSWER_CACHE_SECONDS="0",
        HF_HUB_OFFLINE="1",
        DJANGO_ALLOW_ASYNC_UNSAFE="1",
        # Commands that the tests start use this checkout's client, whichever is installed.
        PYTHONPATH=str(PROJECT / "client" / "src"),
    )
    for given in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        os.environ.pop(given, None)
    # The suite starts some hundred processes: what one of them compiled, the next one reads.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Tests end servers, never the machine: what a server has written is there for the next one without a flush to the disk, and
    # no page is half written. They connect some thousand times, each time with a password, of which nobody guesses one here.
    quick = {"fsync": "off", "full_page_writes": "off", "scram_iterations": "1"}
    _session.enter_context(patch.dict(postgres._SETTINGS, quick))
    schema_laid(directory / "stack")
    stack = Stack(directory / "stack", {})
    os.environ.update(_session.enter_context(stack.session()))
    try:
        return (yield)
    except BaseException:
        _session.close()
        raise


def pytest_unconfigure(config: pytest.Config) -> None:
    _session.close()


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for servers, gone afterwards. Not below pytest's own, which is closed to PostgreSQL's user under root."""
    directory = Path(tempfile.mkdtemp(prefix="ragsite-tests-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
