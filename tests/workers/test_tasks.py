from __future__ import annotations

import threading
from typing import Any

import pytest
from celery.signals import worker_shutting_down

from apps.documents.lifecycle.steps import Step
from apps.documents.models import DocumentVersion
from apps.retrieval.index import indexing
from apps.retrieval.models import ReindexState, RunState
from ragsite.core.jobs import SilentDoorbell
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import asked, library, started
from tests.apps.retrieval.reindexing.rebuilding import started as reindex_started
from tests.apps.retrieval.reindexing.test_reindexing import SMALL
from workers import leaving, tasks
from workers.stages import stage_named

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked of the worker in one test is not asked in the next."""
    monkeypatch.setattr(leaving, "_asked", threading.Event())


def test_a_worker_that_is_asked_to_end_finishes_what_it_holds_and_leaves_the_rest(monkeypatch: Any) -> None:
    base, embed = make.knowledge_base(), stage_named("embed")
    for _ in range(embed.claims + 1):
        make.upload(base)
    make.run_stages(["parse", "chunk"])
    work = indexing.versions_embed

    def asked_meanwhile(step: Step) -> None:
        worker_shutting_down.send(sender="models", sig="SIGTERM", how="Warm", exitcode=0)
        work(step)

    monkeypatch.setattr(indexing, "versions_embed", asked_meanwhile)
    tasks.work("embed")
    assert DocumentVersion.objects.filter(status="embedded").count() == embed.claims
    assert DocumentVersion.objects.get(status="chunked").attempts == 0


def test_the_task_works_on_a_run_and_rings_for_the_one_that_is_left(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    made = asked(library())
    first, second = started(made), started(made)
    monkeypatch.setattr(SilentDoorbell, "ring", lambda _, stage: rung.append(stage))
    for expected in (["evaluate"], ["evaluate"]):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.evaluate()
        assert rung == expected
    first.refresh_from_db()
    second.refresh_from_db()
    assert [first.state, second.state] == [RunState.DONE, RunState.DONE]


def test_a_process_works_on_one_run_at_a_time() -> None:
    run = started(asked(library()))
    with tasks._evaluating:
        tasks.evaluate()
    run.refresh_from_db()
    assert run.state == RunState.WAITING


def test_a_process_works_on_one_re_index_at_a_time_and_on_none_when_it_is_asked_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = library()
    reindex = reindex_started(base, chunking=SMALL)
    with tasks._reindexing:
        tasks.reindex()
    monkeypatch.setattr(tasks, "is_leaving", lambda: True)
    tasks.reindex()
    reindex.refresh_from_db()
    assert reindex.state == ReindexState.BUILDING
    assert not reindex.seconds


def test_the_task_works_on_a_re_index_until_it_is_switched(django_capture_on_commit_callbacks: Any) -> None:
    reindex = reindex_started(library(), chunking=SMALL)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.reindex()
    reindex.refresh_from_db()
    assert reindex.state == ReindexState.SWITCHED
