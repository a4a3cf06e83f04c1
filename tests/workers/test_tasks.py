from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.signals import worker_shutting_down
from django.db.models.functions import Now

from apps.documents.lifecycle.steps import Step
from apps.documents.models import DocumentVersion
from apps.retrieval.evaluation import runs
from apps.retrieval.index import indexing
from apps.retrieval.models import ReindexState, RunState
from ragsite.core.errors import TransientError
from ragsite.core.jobs import SilentDoorbell
from ragsite.core.leases import lease_claim
from ragsite.core.models import ScheduledJob
from ragsite.core.schedule import ScheduledRows
from ragsite.core.work import Turn
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import asked, library, started
from tests.apps.retrieval.reindexing.rebuilding import started as reindex_started
from tests.apps.retrieval.reindexing.test_reindexing import SMALL
from workers import running
from workers.celery import app
from workers.jobs import JOBS, Job, job_named
from workers.queues import Queue
from workers.running import job_run, job_turn

pytestmark = pytest.mark.django_db

_bite: Any = None


def bite(turn: Turn) -> bool:
    """The work of the scheduled jobs below: does what the test at hand wants."""
    return bool(_bite(turn))


def clockwork(what: Any) -> Job:
    global _bite
    _bite = what
    return dataclasses.replace(job_named("sweep"), work=f"{__name__}.bite")


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of the worker in one test is not asked in the next; import_string finds this module by its name."""
    import sys

    monkeypatch.setattr(running, "_asked", threading.Event())
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    rings: list[str] = []
    monkeypatch.setattr(SilentDoorbell, "ring", lambda _, job: rings.append(job))
    return rings


def leave() -> None:
    worker_shutting_down.send(sender="models", sig="SIGTERM", how="Warm", exitcode=0)


def test_every_job_has_its_task() -> None:
    app.loader.import_default_modules()
    assert {job.task for job in JOBS} <= set(app.tasks)


def test_a_worker_that_is_asked_to_end_finishes_what_it_holds_and_leaves_the_rest(monkeypatch: Any) -> None:
    base, embed = make.knowledge_base(), job_named("embed")
    for _ in range(embed.claims + 1):
        make.upload(base)
    make.run_stages(["parse", "chunk"])
    work = indexing.versions_embed

    def asked_meanwhile(step: Step, turn: Turn) -> None:
        leave()
        work(step, turn)

    monkeypatch.setattr(indexing, "versions_embed", asked_meanwhile)
    job_turn(embed)
    assert DocumentVersion.objects.filter(status="embedded").count() == embed.claims
    assert DocumentVersion.objects.get(status="chunked").attempts == 0


def test_an_evaluation_ends_with_its_batch_when_the_worker_is_asked_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH", 1)
    run, measure = started(asked(library())), runs.question_measure

    def asked_meanwhile(*about: Any) -> Any:
        leave()
        return measure(*about)

    monkeypatch.setattr(runs, "question_measure", asked_meanwhile)
    job_turn(job_named("evaluate"))
    run.refresh_from_db()
    assert (run.state, run.results.count(), run.lease_owner, run.attempts) == (RunState.RUNNING, 1, "", 0)


def test_the_task_works_on_a_run_and_rings_for_the_one_that_is_left(
    rung: list[str], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    made = asked(library())
    first, second = started(made), started(made)
    job = dataclasses.replace(job_named("evaluate"), seconds=0.0)
    with django_capture_on_commit_callbacks(execute=True):
        job_turn(job)
    assert rung == ["evaluate"], "the turn was over before it began"
    job_turn(job_named("evaluate"))
    first.refresh_from_db()
    second.refresh_from_db()
    assert [first.state, second.state] == [RunState.DONE, RunState.DONE]


@pytest.mark.parametrize("name", ["evaluate", "reindex"])
def test_a_process_has_so_many_places_for_a_job(name: str) -> None:
    base = library()
    run, reindex = started(asked(base)), reindex_started(base, chunking=SMALL)
    with running._place(job_named(name)) as taken:
        assert taken
        job_turn(job_named(name))
    run.refresh_from_db()
    reindex.refresh_from_db()
    assert (run.state, reindex.state) == (RunState.WAITING, ReindexState.BUILDING)
    assert not reindex.seconds


def test_a_worker_that_was_asked_to_end_takes_up_no_re_index() -> None:
    reindex = reindex_started(library(), chunking=SMALL)
    leave()
    job_turn(job_named("reindex"))
    reindex.refresh_from_db()
    assert not reindex.seconds


def test_the_task_works_on_a_re_index_until_it_is_switched(django_capture_on_commit_callbacks: Any) -> None:
    reindex = reindex_started(library(), chunking=SMALL)
    with django_capture_on_commit_callbacks(execute=True):
        job_turn(job_named("reindex"))
    reindex.refresh_from_db()
    assert reindex.state == ReindexState.SWITCHED


def test_a_scheduled_job_never_runs_twice_side_by_side() -> None:
    started: list[int] = []

    def once_more(turn: Turn) -> bool:
        started.append(len(started))
        return job_run(job)

    job = clockwork(once_more)
    assert job_run(job) is False
    assert started == [0], "the second start found the first one at it"


def test_a_scheduled_job_that_leaves_something_rings_for_itself(
    rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job_turn(clockwork(lambda turn: True))
        job_turn(clockwork(lambda turn: False))
    assert rung == ["sweep"]


def test_a_scheduled_job_says_when_it_ended_well_and_why_it_did_not() -> None:
    def fails(turn: Turn) -> bool:
        raise TransientError("The disk is full.", action="Free some space.")

    job_run(clockwork(lambda turn: False))
    row = ScheduledJob.objects.get(name="sweep")
    assert (row.finished_at is not None, row.error, row.attempts, row.lease_until) == (True, "", 0, None)
    job_run(clockwork(fails))
    row.refresh_from_db()
    assert row.error == "The disk is full. Free some space."
    assert row.not_before > row.finished_at, "it waits a while"
    ScheduledJob.objects.update(not_before=Now())
    job_run(clockwork(lambda turn: False))
    row.refresh_from_db()
    assert row.error == ""


def test_a_scheduled_job_whose_worker_died_runs_again_however_often_it_did(settings: Any) -> None:
    rows, ran = ScheduledRows("sweep"), []
    job_run(clockwork(lambda turn: False))
    for _ in range(settings.RAGSITE_MAX_ATTEMPTS + 2):
        assert lease_claim(rows.open(), limit=1).ids
        ScheduledJob.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert rows.give_up() == 0
    job_run(clockwork(lambda turn: ran.append(turn)))
    assert len(ran) == 1


def test_a_ring_carries_nothing_but_the_job_s_name() -> None:
    assert {job.task for job in JOBS} == {f"ragsite.{job.name}" for job in JOBS}
    assert {job.queue for job in JOBS} <= set(Queue)
