"""Claims are kept by the worker's parent, seen on a real worker whose files do their worst to the process that reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from apps.documents.models import DocumentVersion, StageRecord
from ragsite.core.metrics.files import PREFIX
from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.ports import find_free
from tests import factories as make
from tests.waiting import wait_for
from tests.workers.stubborn_words import DIE, HOLD, HOLD_SECONDS, STAY
from workers.celery import app
from workers.jobs import job_named
from workers.queues import Queue

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.django_db(transaction=True)]
LEASE_SECONDS = 3
PARSE = job_named("parse")


@pytest.fixture(autouse=True)
def _blobs(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for the module, as its worker is one."""
    folder: Path = tmp_path_factory.getbasetemp() / "stubborn"
    settings.RAGSITE_BLOB_DIR = folder / "blobs"
    return folder


@dataclass(frozen=True, slots=True)
class Worker:
    """The parent's process, and where it tells its metrics."""

    process: psutil.Process
    metrics: str

    def told(self, name: str, **labels: str) -> float:
        """A metric's value as Prometheus reads it; 0 where it is not told."""
        families = text_string_to_metric_families(httpx.get(self.metrics).text)
        samples = (sample for family in families for sample in family.samples)
        return next((one.value for one in samples if one.name == name and one.labels == labels), 0)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    command = [sys.executable, "-m", "celery", "-A", "tests.workers.stubborn", "worker", "-n", "stubborn@%h"]
    command += ["-Q", "parsing", "--pool", "prefork", "-c", "1", "--without-gossip", "--without-mingle"]
    folder = tmp_path_factory.getbasetemp() / "stubborn"
    environ = {**os.environ, "RAGSITE_DATA_DIR": str(folder), "RAGSITE_LEASE_SECONDS": str(LEASE_SECONDS)}
    environ |= {"RAGSITE_MAX_ATTEMPTS": "1", "RAGSITE_METRICS_PORT": str(find_free()), "TMPDIR": str(folder)}
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(Queue.PARSING.value)
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environ)
    yield Worker(psutil.Process(process.pid), f"http://127.0.0.1:{environ['RAGSITE_METRICS_PORT']}/metrics")
    process.terminate()
    process.wait(30)
    assert list(folder.glob(f"{PREFIX}*")) == []


@pytest.fixture
def _at_rest(worker: None) -> None:
    """The worker has done with the test before: what it rang for itself would take up files without the limits of this one."""
    wait_for(is_at_rest, seconds=60, what="the worker is at rest")


def is_at_rest() -> bool:
    told = app.control.inspect(timeout=1)
    at_work = [told.active(), told.reserved()]
    with app.connection_for_read() as connection, connection.channel() as channel:
        waiting = channel.queue_declare(Queue.PARSING.value).message_count
    return not waiting and all(one is not None and not any(one.values()) for one in at_work)


def uploaded(*contents: str) -> list[DocumentVersion]:
    """A version for each text, which are claimed in this order."""
    base = make.knowledge_base()
    return [
        make.upload(base, f"{text} and then some words, number {number}.", filename=f"{number}.txt").version
        for number, text in enumerate(contents)
    ]


def parse_asked(*, soft: int, hard: int) -> None:
    app.send_task(PARSE.task, queue=PARSE.queue.value, soft_time_limit=soft, time_limit=hard)


def outcome(version: DocumentVersion) -> tuple[str, str, int]:
    """Its state, what it failed of, and how often its parsing was begun."""
    version.refresh_from_db()
    records = StageRecord.objects.filter(version=version, stage="parse").values_list("attempts", flat=True)
    return version.status, version.error_code, max(records, default=0)


def parsed_by(worker: Worker) -> float:
    return worker.told("ragsite_stage_ends_total", stage="parse", outcome="done")


def until(condition: Callable[[], bool], what: str) -> None:
    wait_for(condition, seconds=60, what=what)


@pytest.mark.usefixtures("_at_rest")
def test_work_that_keeps_its_interpreter_for_longer_than_a_lease_loses_no_lease() -> None:
    assert HOLD_SECONDS > 2 * LEASE_SECONDS
    (version,) = uploaded(HOLD)
    parse_asked(soft=30, hard=40)
    until(lambda: outcome(version)[0] != "uploaded", "the file was parsed")
    assert outcome(version) == ("parsed", "", 1)


@pytest.mark.usefixtures("_at_rest")
def test_a_file_that_reaches_the_hard_limit_is_too_slow_at_once_and_those_claimed_with_it_go_on() -> None:
    before, slow, after = uploaded("first", STAY, "last")
    parse_asked(soft=6, hard=9)  # the first file of a new process takes a second and more on a busy machine
    until(lambda: "uploaded" not in {outcome(one)[0] for one in (before, slow, after)}, "all three have ended")
    assert outcome(slow) == ("failed", "too_slow", 1)
    assert [outcome(one) for one in (before, after)] == [("parsed", "", 1)] * 2
    assert StageRecord.objects.get(version=slow).error == slow.error


@pytest.mark.usefixtures("_at_rest")
def test_a_file_that_kills_its_process_is_told_apart_and_given_up_with_that_as_the_last_reason(settings: Any) -> None:
    settings.RAGSITE_MAX_ATTEMPTS = 1
    before, killer, after = uploaded("first", DIE, "last")
    parse_asked(soft=30, hard=40)
    until(lambda: {outcome(one)[0] for one in (before, after)} == {"parsed"}, "the others are parsed")
    assert [outcome(one) for one in (before, after)] == [("parsed", "", 1)] * 2
    record = StageRecord.objects.get(version=killer)
    assert (record.outcome, record.error_code, record.attempts) == ("postponed", "worker_died", 1)
    until(lambda: PARSE.rows.give_up() == 1, "the wait for another try has passed")
    assert outcome(killer) == ("failed", "too_many_attempts", 1)
    assert "The last reason: The process that was at the parse stage died." in killer.error


@pytest.mark.usefixtures("_at_rest")
def test_what_children_counted_is_told_by_their_parent_though_they_are_gone(worker: Worker) -> None:
    (first,) = uploaded("first")
    parse_asked(soft=30, hard=40)
    until(lambda: outcome(first)[0] == "parsed", "the first is parsed")
    until(lambda: parsed_by(worker) > 0, "it is told")
    before = parsed_by(worker)
    assert worker.told("ragsite_job_seconds_count", job="parse") > 0
    for child in worker.process.children():
        child.kill()
    (second,) = uploaded("second")
    parse_asked(soft=30, hard=40)
    until(lambda: outcome(second)[0] == "parsed", "the second is parsed")
    until(lambda: parsed_by(worker) == before + 1, "both are counted")
    assert worker.told("ragsite_stage_starts_total", stage="parse") >= before + 1
    assert worker.told("ragsite_reading_ok", source="breakers") == 1
    assert worker.told("process_resident_memory_bytes") > 0
