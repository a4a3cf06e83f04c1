"""A trace goes on in the worker that a call of a model is sent to. Rings carry none: their work is found, with its trace, in the
database.
"""

from __future__ import annotations

from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun

from ragsite.core.tracing.spans import SpanKind, span, traceparent, under

CALLS = "workers.tasks."
HEADER = "traceparent"
_open: dict[str, Any] = {}
"""What was begun for a task and ends with it, by the task's id."""


@before_task_publish.connect
def send(sender: str, headers: dict[str, Any], **_: Any) -> None:
    """Name the trace of who calls."""
    if sender.startswith(CALLS) and (place := traceparent()):
        headers[HEADER] = place


@task_prerun.connect
def begin(task_id: str, task: Any, **_: Any) -> None:
    """Go on with the trace that a message names."""
    place = getattr(task.request, HEADER, None) or (task.request.headers or {}).get(HEADER, "")
    if not place:
        return
    queue = (task.request.delivery_info or {}).get("routing_key", "")
    began = [under(place), span(
        f"task {task.name.removeprefix(CALLS)}", SpanKind.CONSUMER, parent=place, messaging__system="celery",
        messaging__destination__name=queue, messaging__message__id=task_id,
    )]  # fmt: skip
    for one in began:
        one.__enter__()
    _open[task_id] = began


@task_postrun.connect
def end(task_id: str, state: str | None = None, **_: Any) -> None:
    """Whatever came of it."""
    for one in reversed(_open.pop(task_id, [])):
        one.__exit__(None, None, None)
