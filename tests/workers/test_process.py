from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import kombu
import pytest
from kombu.exceptions import ContentDisallowed

from apps.models.installed_model import InstalledModel, ModelKind
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from ragsite.stack.local import PROJECT_DIR
from workers import process
from workers.celery import app

pytestmark = [pytest.mark.servers, pytest.mark.workers]
RAN: list[str] = []


@pytest.mark.parametrize("error", [ModelUnavailableError("It does not fit."), RuntimeError("no such layer")])
def test_a_worker_loads_each_default_model_whatever_becomes_of_the_others(
    monkeypatch: pytest.MonkeyPatch, settings: Any, error: Exception
) -> None:
    settings.RAGSITE_MODEL_TRANSPORT, settings.RAGSITE_GENERATOR = "local", "local"
    model = InstalledModel(new_id(), "any", Path("/nowhere"), "0" * 64, 16, ModelKind.GENERATION)
    monkeypatch.setattr(process, "embedding_model_default", lambda: model)
    monkeypatch.setattr(process, "writer_in_use", lambda: model)
    used: list[str] = []

    def embed(*_: Any, **__: Any) -> None:
        used.append("embedding")
        raise error

    def generate(*_: Any, **__: Any) -> tuple[()]:
        used.append("writing")
        return ()

    monkeypatch.setattr(process, "embed", embed)
    monkeypatch.setattr(process, "generate", generate)

    process.warm_up(sender=None)

    assert used == ["embedding", "writing"]


@pytest.mark.parametrize(
    ("queue", "pool", "wanted"),
    [("parsing", "threads", "prefork"), ("parsing", "solo", "prefork"), ("embedding", "prefork", "threads")],
)
def test_a_worker_refuses_a_pool_that_cannot_keep_its_queues_limits(queue: str, pool: str, wanted: str) -> None:
    command = [sys.executable, "-m", "celery", "-A", "workers.celery", "worker", "-Q", queue, "--pool", pool, "-c", "1"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=dict(os.environ), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"{queue} needs --pool={wanted}" in done.stderr
    assert "Traceback" not in done.stderr


class Run:
    """What a pickle runs while it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return RAN.append, ("code of the message",)


def test_of_a_pickled_message_a_worker_runs_and_reads_nothing() -> None:
    taken: list[Any] = []
    refused: list[Exception] = []

    def refuse(message: Any, error: Exception) -> None:
        refused.append(error)
        message.ack()

    how = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
    queue = kombu.Queue("pushed", kombu.Exchange("pushed"), routing_key="pushed")
    with app.connection_for_write() as connection, connection.channel() as channel:
        connection.Producer().publish(
            pickle.dumps([[Run()], {}, {}]), declare=[queue], routing_key="pushed", exchange="pushed", **how
        )
        callbacks = [lambda body, _: taken.append(body)]
        with app.amqp.TaskConsumer(channel, queues=[queue], callbacks=callbacks, on_decode_error=refuse):
            connection.drain_events(timeout=10)
        queue(channel).delete()
    assert (RAN, taken) == ([], [])
    assert [type(error) for error in refused] == [ContentDisallowed]


def test_a_child_that_parses_has_a_bound_of_memory_and_leaves_no_core(settings: Any) -> None:
    settings.RAGSITE_PARSER_MEMORY_BYTES = bound = 512 * 1024**2
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            process.memory_limit()
            told = f"{resource.getrlimit(resource.RLIMIT_AS)} {resource.getrlimit(resource.RLIMIT_CORE)}"
            bytearray(2 * bound)
        except MemoryError:
            os.write(writing, told.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with open(reading) as told_by_child:
        assert told_by_child.read() == f"{(bound, bound)} (0, 0)"


def test_a_worker_starts_from_the_procfiles_command_alone() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "celery", "-A", "workers.celery", "report"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
