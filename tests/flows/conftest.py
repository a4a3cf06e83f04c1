from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from ragsite.stack.client import Client
from ragsite.stack.system import System, system
from tests.servers import own_folder

GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")


@pytest.fixture(scope="session")
def running() -> Iterator[System]:
    """The whole system with servers, workers and weights of its own, as `make up` starts it."""
    environ = {name: value for name, value in os.environ.items() if name not in GIVEN}
    environ |= {"RAGSITE_WEB_PORT": "", "RAGSITE_LEASE_SECONDS": "6"}
    with own_folder() as folder, system(folder, environ, say=lambda _: None) as started:
        yield started


@pytest.fixture(scope="session")
def client(running: System) -> Client:
    return Client(running.url, running.manage("apikey", "flows").strip())


@pytest.fixture
def database(running: System) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A look into the system's database, as the application's role."""
    with psycopg.connect(running.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection
