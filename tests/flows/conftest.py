from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest
from ragsite_client import Client

from ragsite.stack import backoff
from ragsite.stack.ports import find_free, is_free
from ragsite.stack.system import METRICS_PORT, System, system
from tests.apps.models.hub import Hub, hub_running
from tests.collector import Collector, collecting
from tests.schema import schema_laid
from tests.servers import own_folder

RESTART_SECONDS = 2.0
"""After the second time that it ends within a minute, which here is what the tests are about, a process rests no longer."""

GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")

RECOGNITION = """#!/bin/sh
# Stands in for Tesseract: takes its worker with it for as long as the file `poison` is there.
test -e "$RAGSITE_DATA_DIR/poison" && kill -9 $PPID
cat > /dev/null
echo "The keeper of the lighthouse signed the log."
"""


@pytest.fixture(scope="package")
def hub() -> Iterator[Hub]:
    """The hub that the system's workers ask."""
    with hub_running() as started:
        yield started


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """What takes the system's traces."""
    with collecting() as started:
        yield started


@pytest.fixture(scope="package")
def running(hub: Hub, collector: Collector) -> Iterator[System]:
    """The whole system with servers, workers and weights of its own, as `make up` starts it; it ends with the flows."""
    environ = {name: value for name, value in os.environ.items() if name not in GIVEN}
    environ |= {"RAGSITE_WEB_PORT": "", "RAGSITE_LEASE_SECONDS": "6", "RAGSITE_PARSER_MEMORY_MB": "1024"}
    environ |= {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", METRICS_PORT: str(_ports_in_a_row(7))}
    environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "500"}
    environ |= {"RAGSITE_LOG_FORMAT": "json", "CLICKHOUSE_URL": "embedded"}
    with own_folder() as folder:
        schema_laid(folder / "stack")
        environ |= {"RAGSITE_OCR": "true", "PATH": f"{_recognition(folder)}{os.pathsep}{os.environ['PATH']}"}
        restarts = patch.object(backoff, "LONGEST_SECONDS", RESTART_SECONDS)
        with restarts, system(folder, environ, say=lambda _: None) as started:
            yield started


def _ports_in_a_row(number: int) -> int:
    """The first of so many free ports."""
    return next(first for first in iter(find_free, 0) if all(is_free(first + n) for n in range(number)))


def _recognition(folder: Path) -> Path:
    program = folder / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text(RECOGNITION)
    program.chmod(0o755)
    return program.parent


@pytest.fixture(scope="package")
def key(running: System) -> str:
    return running.manage("apikey", "flows").strip()


@pytest.fixture(scope="package")
def client(running: System, key: str) -> Client:
    """It tries nothing twice, so that a request that fails fails its test."""
    return Client(running.url, key, retries=0)


@pytest.fixture
def database(running: System) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A look into the system's database, as the application's role."""
    with psycopg.connect(running.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection
