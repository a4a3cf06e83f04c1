from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ragsite.stack import backoff
from ragsite.stack.stack import Stack

ELSEWHERE = {
    "postgresql": {"DATABASE_URL": "postgresql://someone:secret@db.example:5432/rag"},
    "redis": {"REDIS_URL": "redis://:secret@cache.example:6379/0"},
    "broker": {"KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"},
}

MakeStack = Callable[..., Stack]


@pytest.fixture(autouse=True)
def _usual_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running system of the flows, which rests for less between restarts, may be up in this process."""
    monkeypatch.setattr(backoff, "LONGEST_SECONDS", 30.0)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder outside pytest's own, which each pytest that starts closes again to other users."""
    with TemporaryDirectory(prefix="ragsite-stack-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A whole running stack, shared by the tests of one file."""
    with data_folder() as folder:
        running = Stack(folder / "stack", {})
        running.up()
        yield running
        running.down()


@pytest.fixture
def data() -> Iterator[Path]:
    """The data folder of one test."""
    with data_folder() as folder:
        yield folder


@pytest.fixture
def make_stack(data: Path) -> Iterator[MakeStack]:
    """Makes a stack of a test's own in `data`; with `only`, the other servers are replaced by URLs."""
    made: list[Stack] = []

    def make(*, only: str | None = None, environ: Mapping[str, str] | None = None) -> Stack:
        replaced = [urls for name, urls in ELSEWHERE.items() if only not in (None, name)]
        merged = {name: value for urls in (*replaced, environ or {}) for name, value in urls.items()}
        made.append(Stack(data / "stack", merged))
        return made[-1]

    yield make
    for one in made:
        one.down()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, data: Path) -> Path:
    """The environment of an operator who set nothing but the data folder, which is returned."""
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("RAGSITE_POSTGRESQL_PORT", "RAGSITE_REDIS_PORT", "RAGSITE_KAFKA_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAGSITE_DATA_DIR", str(data))
    return data
