from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from celery.worker.control import Panel

from workers.jobs import JOBS
from workers.tasks_shown import HIDDEN, INSPECTED, inspection_hide, task_name, task_shown, without_given


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ragsite.parse", "parse"),
        ("ragsite.sweep", "sweep: Finds work that waits and that nobody was told of"),
        ("workers.tasks.model_call", "model call"),
        ("", ""),
    ],
)
def test_a_task_is_called_what_can_be_read(name: str, shown: str) -> None:
    assert task_name(name) == shown


def test_every_job_has_a_name_of_its_own() -> None:
    assert len({task_name(job.task) for job in JOBS}) == len(JOBS)


def test_what_a_task_was_given_is_not_shown_and_nothing_is_shown_as_nothing() -> None:
    given = SimpleNamespace(name="workers.tasks.model_call", args="('Who is ill?',)", kwargs="{'key': 'k'}")
    assert vars(task_shown(given)) == {"name": "model call", "args": HIDDEN, "kwargs": HIDDEN}
    ring = SimpleNamespace(name="ragsite.parse", args="()", kwargs="{}")
    assert vars(task_shown(ring)) == {"name": "parse", "args": "()", "kwargs": "{}"}


def test_a_worker_tells_nobody_what_its_tasks_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "Who is ill?"
    told = [
        {"id": "1", "name": "workers.tasks.model_call", "args": [{"texts": [secret]}, "k"], "kwargs": {"of": secret}}
    ]
    answers: dict[str, Any] = {
        "active": told, "reserved": told, "scheduled": [{"eta": "soon", "request": told[0]}],
        "query_task": {"1": ("active", told[0])},
    }  # fmt: skip
    monkeypatch.setattr(
        Panel, "data", {name: lambda state, answer=answer, **_: answer for name, answer in answers.items()}
    )
    for _ in range(2):
        inspection_hide()
    for name in INSPECTED:
        found = Panel.data[name](None)
        assert secret not in str(found), name
        assert "workers.tasks.model_call" in str(found), name


def test_what_has_no_arguments_is_told_as_it_is() -> None:
    told = {"pool": {"max-concurrency": 2}, "rusage": [1, 2.5, None], "args": []}
    assert without_given(told) == told
