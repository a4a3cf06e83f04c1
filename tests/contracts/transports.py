"""The ways to a model that keep to the contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import connection

from apps.models.gateway import ModelCall, ModelTransport, Purpose, call_answer, stream_start
from apps.models.gateway.fake import FakeTransport
from apps.models.gateway.http import HttpTransport
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.queue import STREAM_TASK, TASK, QueueTransport
from apps.models.servers.endpoint import Endpoint
from tests.model_server import MODEL, ModelServer, model_server
from workers.celery import Config


def queue_transport(stack: ExitStack) -> QueueTransport:
    """A real worker on threads of this process, behind the real broker."""
    app = Celery("contract", set_as_current=False)
    app.config_from_object(Config())
    prefix = {"global_keyprefix": "contract:"}
    app.conf.update(broker_transport_options=Config.broker_transport_options | prefix)
    app.finalize()
    for name, work in ((TASK, _model_call), (STREAM_TASK, stream_start)):
        app.tasks.pop(name, None)  # the shared one, if a test imported it before
        app.task(name=name, shared=False)(work)
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


class AtServer:
    """The way over HTTP, with the models of the others at a server; one whose folder is gone is unknown there."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._http = HttpTransport()

    def run(self, call: ModelCall) -> np.ndarray:
        return self._http.run(self._there(call))

    def stream(self, call: ModelCall) -> Iterator[Any]:
        return self._http.stream(self._there(call))

    def _there(self, call: ModelCall) -> ModelCall:
        endpoint = Endpoint((self._server.url,), MODEL if call.model.path.exists() else "gone")
        self._server.width = getattr(call.model, "dimensions", self._server.width)
        return replace(call, model=replace(call.model, endpoint=endpoint))


def http_transport(stack: ExitStack) -> AtServer:
    """A server that has room for as much as the small models of the contracts."""
    server = stack.enter_context(model_server())
    server.says, server.context = " ".join(f"word{number}" for number in range(500)), 512
    return AtServer(server)


TRANSPORTS: dict[str, Callable[[ExitStack], ModelTransport]] = {
    "local": lambda stack: LocalTransport(),
    "fake": lambda stack: FakeTransport(),
    "queue": queue_transport,
    "http": http_transport,
}
