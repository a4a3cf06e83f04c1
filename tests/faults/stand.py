"""A whole system that a test may break, and what is measured on it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from ragsite_client import Client

from ragsite.stack import backoff
from ragsite.stack.ports import find_free
from ragsite.stack.stack import Stack
from ragsite.stack.system import System, system
from tests.servers import own_folder

GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")
RESTART_SECONDS = 2.0
"""What is killed again and again, which no operator does, is started again so soon each time."""

WORKERS = ("parsing", "general", "models")
FIGURES = "FAULT_FIGURES"
PATIENCE = float(os.environ.get("FAULT_PATIENCE", "1"))
"""How much longer than it should something may take, on a machine that has other things to do."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A running system with a key to it. `database_url` leads straight to the server, whatever the system's own does."""

    running: System
    key: str
    database_url: str

    @property
    def client(self) -> Client:
        """It tries nothing twice, so that what fails fails its test."""
        return Client(self.running.url, self.key, retries=0)

    @property
    def stack(self) -> Stack:
        """The servers that it started itself."""
        return Stack(self.folder / "stack", {})

    @property
    def folder(self) -> Path:
        return Path(self.running.environ["RAGSITE_DATA_DIR"])

    def base(self, name: str) -> str:
        """A new knowledge base, whose documents have several chunks."""
        return self.client.create_knowledge_base(name, chunking={"size": 32, "overlap": 4}).id

    def restarts(self) -> dict[str, int]:
        """How often each worker was started again."""
        return {name: self.running.supervisor.restarts(name) for name in WORKERS}


@contextmanager
def standing(
    *, straight: str = "", prepared: Callable[[Path], AbstractContextManager[object]] = nullcontext, **settings: str
) -> Iterator[Stand]:
    """A system with these environment variables beside its own. `straight` leads to a database that they name by a detour, and
    `prepared` is given the folder before anything is in it.
    """
    environ = {name: value for name, value in os.environ.items() if name not in GIVEN}
    # Ports of its own, as a second system may be starting here, which takes the usual ones in the same moment.
    environ |= {"RAGSITE_WEB_PORT": str(find_free()), "RAGSITE_FLOWER_PORT": str(find_free())}
    environ |= {"RAGSITE_PARSER_MEMORY_MB": "1024", **settings}
    restarts = patch.object(backoff, "LONGEST_SECONDS", RESTART_SECONDS)
    with own_folder() as folder, restarts, prepared(folder), system(folder, environ, say=lambda _: None) as running:
        key = running.manage("apikey", "faults").strip()
        yield Stand(running, key, straight or running.environ["DATABASE_URL"])


def figure(row: str, **measured: object) -> None:
    """Tell what was measured of a row of the matrix; also as a line of the file that FAULT_FIGURES names."""
    line = json.dumps({"row": row, **measured})
    print(line)  # noqa: T201
    if place := os.environ.get(FIGURES):
        with Path(place).open("a") as file:
            file.write(f"{line}\n")


class Watch:
    """Seconds since a moment, with a tenth."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self._began, 1)


def pause(seconds: float) -> None:
    """Let the load go on for a while."""
    threading.Event().wait(seconds)


def within(seconds: float) -> float:
    """The seconds that something may take on this machine."""
    return seconds * PATIENCE
