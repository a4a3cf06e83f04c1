"""Tasks as operators are shown them: by names that can be read, and without what they were given.

A ring for work carries nothing. A call of a model carries texts of documents and questions, which are nobody's who may look at
workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery.worker.control import Panel

from apps.monitoring.jobs.scheduled_words import TITLES

HIDDEN = "…"
NOTHING = ("", "()", "[]", "{}", None)
RINGS, CALLS = "ragsite.", "workers.tasks."

INSPECTED = ("active", "reserved", "scheduled", "query_task")
"""What a worker says of its tasks when it is asked, each with its older name."""


def task_shown(task: Any) -> Any:
    """Flower's copy of a task, changed in place."""
    task.name = task_name(task.name or "")
    task.args, task.kwargs = hidden(task.args), hidden(task.kwargs)
    return task


def task_name(name: str) -> str:
    """`sweep: Finds work that waits and that nobody was told of`, of `ragsite.sweep`."""
    if name.startswith(CALLS):
        return name.removeprefix(CALLS).replace("_", " ")
    job = name.removeprefix(RINGS)
    return f"{job}: {TITLES[job]}" if job in TITLES else job


def hidden(given: Any) -> Any:
    """A sign for what a task was given; nothing for nothing."""
    return given if given in NOTHING or given == [] or given == {} else HIDDEN


def inspection_hide() -> None:
    """Let this worker tell nobody what its tasks were given."""
    for name in INSPECTED:
        for known in (name, f"dump_{'schedule' if name == 'scheduled' else name}"):
            if known in Panel.data:
                Panel.data[known] = _hiding(Panel.data[known])


def _hiding(tell: Any) -> Any:
    if getattr(tell, "hides", False):
        return tell

    def hiding(state: Any, **asked: Any) -> Any:
        return without_given(tell(state, **asked))

    hiding.hides = True  # type: ignore[attr-defined]  # so that doing this twice is the same as once
    return hiding


def without_given(told: Any) -> Any:
    """What a worker says, without what tasks were given, however deep that is."""
    if isinstance(told, Mapping):
        return {
            name: hidden(value) if name in {"args", "kwargs"} else without_given(value) for name, value in told.items()
        }
    if isinstance(told, list | tuple):
        return [without_given(one) for one in told]
    return told
