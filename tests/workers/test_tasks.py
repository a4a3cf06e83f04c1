from __future__ import annotations

from typing import Any

import pytest

from apps.retrieval.evaluation.models import RunState
from ragsite.core.jobs import SilentDoorbell
from tests.apps.retrieval.evaluation.asking import asked, library, started
from workers import tasks

pytestmark = pytest.mark.django_db


def test_the_task_works_on_a_run_and_rings_for_the_one_that_is_left(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    made = asked(library())
    first, second = started(made), started(made)
    monkeypatch.setattr(SilentDoorbell, "ring", lambda _, stage, times=1: rung.append(stage))
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
