"""The ways to a model that keep to the contracts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import connection

from apps.models.gateway import ModelTransport, Purpose, call_answer, stream_start
from apps.models.gateway.fake import FakeTransport
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.queue import STREAM_TASK, TASK, QueueTransport
from workers.celery import Config


def queue_transport(stack: ExitStack) -> QueueTransport:
    """A real worker on threads of this process, behind the real broker."""
    app = Celery("contract", set_as_current=False)
    app.config_from_object(Config())
    prefix = {"global_keyprefix": "contract:"}
    app.conf.update(broker_transport_options=Config.broker_transport_options | prefix)
    app.task(name=TASK, shared=False)(_model_call)
    app.task(name=STREAM_TASK, shared=False)(stream_start)
    app.finalize()
    queues = [purpose.queue for purpose in Purpose]
    stack.enter_context(
        start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=queues, shutdown_timeout=30)
    )
    return QueueTransport(app=app)


def _model_call(payload: dict[str, Any], key: str) -> None:
    try:
        call_answer(payload, key)
    finally:
        connection.close()


TRANSPORTS: dict[str, Callable[[ExitStack], ModelTransport]] = {
    "local": lambda stack: LocalTransport(),
    "fake": lambda stack: FakeTransport(),
    "queue": queue_transport,
}
