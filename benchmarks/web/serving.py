"""The application that a candidate serves: the product's, with two streaming doors, under the handler that was asked for."""

from __future__ import annotations

import os

os.environ["RAGSITE_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import include, path

django.setup(set_prefix=False)

from ragsite.gateway.admission import Admission  # noqa: E402
from ragsite.gateway.authentication import principal_of_header  # noqa: E402
from ragsite.gateway.edge import Edge, edge_limits  # noqa: E402
from ragsite.gateway.edge_protocol import EdgeProtocol  # noqa: E402
from ragsite.gateway.one_thread import OneThreadHandler  # noqa: E402
from ragsite.gateway.routes import capacities  # noqa: E402

PART = b"." * 1024
PAUSE_SECONDS = 0.5
PARTS = 240


def stream(request: HttpRequest, *, asks: bool) -> StreamingHttpResponse:
    if asks:
        principal_of_header(request.headers.get("Authorization", ""))
    return StreamingHttpResponse(_parts() if HANDLER == "wsgi" else _parts_async())


def _parts() -> Iterator[bytes]:
    for _ in range(PARTS):
        yield PART
        time.sleep(PAUSE_SECONDS)


async def _parts_async() -> AsyncIterator[bytes]:
    for _ in range(PARTS):
        yield PART
        await asyncio.sleep(PAUSE_SECONDS)


class Urls:
    """The product's addresses and the streaming doors."""

    urlpatterns = (
        path("benchmark/stream", stream, {"asks": False}),
        path("benchmark/stream-asks", stream, {"asks": True}),
        path("", include("ragsite.urls")),
    )


class ThreadARequestHandler(ASGIHandler):
    """A thread for each request from its first to its last byte, and all its middleware in it."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


class Protocol(EdgeProtocol):
    """The server's end of a connection."""

    limits = edge_limits()


HANDLERS: dict[str, Callable[[], Any]] = {
    "here": lambda: Edge(OneThreadHandler(Admission(capacities())), Protocol.limits),
    "bare": lambda: OneThreadHandler(Admission(capacities())),
    "thread": ThreadARequestHandler,
    "django": ASGIHandler,
    "wsgi": WSGIHandler,
}
# Thousands of refusals with their tracebacks would be what is measured.
logging.disable(logging.CRITICAL)
HANDLER = os.environ.get("BENCHMARK_HANDLER", "here")
settings.ROOT_URLCONF = Urls
application = HANDLERS[HANDLER]()
