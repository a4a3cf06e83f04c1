"""The embedded servers die under a running system."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import AdminClient
from ragsite_client import Client

from ragsite.core.events import DEAD_LETTERS, topics
from ragsite.stack.stack import Stack
from ragsite.stack.system import System
from tests.waiting import wait_for
from workers.relay_sending import PARTITIONS

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

NAMES = ("postgresql", "redis", "broker")


def test_servers_that_are_killed_come_back_and_the_processes_go_on(
    running: System, client: Client, tmp_path: Path
) -> None:
    stack = Stack(Path(running.environ["RAGSITE_DATA_DIR"]) / "stack", {})
    processes = {name: running.supervisor.pid(name) for name in ("web", "parsing", "general", "models", "relay")}
    told = len(running.supervisor.events)
    for name in NAMES:
        pid = stack.server(name).pid
        assert pid
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: sum("runs again" in event for event in running.supervisor.events[told:]) == len(NAMES),
        seconds=60, what="three lines that say so",
    )  # fmt: skip
    assert [event for event in running.supervisor.events[told:] if event.startswith(tuple(processes))] == []
    wait_for(lambda: _status(running) == "ok", seconds=30, what="all checks of health")

    path = tmp_path / "lamp.md"
    path.write_text("The lamp of the lighthouse is lit at dusk by the keeper's daughter.")
    base = client.create_knowledge_base("Servers that died").id
    (version,) = client.as_ended([client.upload(base, path)], seconds=90)
    assert version.status == "ready"
    assert client.ask("Who lights the lamp of the lighthouse?", knowledge_bases=[base]).found
    wait_for(
        lambda: _partitions(running) == dict.fromkeys({*topics(), DEAD_LETTERS}, PARTITIONS),
        seconds=30,
        what="the topics of the broker",
    )
    assert {name: running.supervisor.pid(name) for name in processes} == processes


def _partitions(running: System) -> dict[str, int]:
    broker = AdminClient({"bootstrap.servers": running.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    return {name: len(topic.partitions) for name, topic in broker.list_topics(timeout=5).topics.items()}


def _status(running: System) -> str:
    return str(httpx.get(f"{running.url}/health/ready", timeout=10).json()["status"])
