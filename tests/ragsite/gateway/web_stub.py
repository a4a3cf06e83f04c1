"""The web process with doors of the tests: everything else of it, from the server to the pool of connections, is its own."""

from __future__ import annotations

import os

os.environ["RAGSITE_PROCESS"] = "web"

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import django
from django.conf import settings
from django.db import connection
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import REGISTRY

django.setup(set_prefix=False)

from apps.documents.models import KnowledgeBase  # noqa: E402 - models need the set-up
from ragsite.core.audience import ClientLeft, client_check  # noqa: E402
from ragsite.gateway.admission import Admission  # noqa: E402
from ragsite.gateway.edge import Edge, EdgeLimits  # noqa: E402
from ragsite.gateway.edge_protocol import EdgeProtocol  # noqa: E402
from ragsite.gateway.one_thread import OneThreadHandler  # noqa: E402
from ragsite.gateway.routes import Kind, Route, capacities  # noqa: E402
from ragsite.gateway.threads import on_thread  # noqa: E402
from tests.ragsite.gateway.serving import LARGE, PART, PARTS  # noqa: E402

TICK_SECONDS = 0.5
seen = {"streams": 0, "parts": 0, "held": 0, "given up": 0}
gate = threading.Event()


def rows(request: HttpRequest) -> JsonResponse:
    """Something that asks the database."""
    return JsonResponse({"rows": KnowledgeBase.objects.count()})


def large(request: HttpRequest) -> HttpResponse:
    """Asks the database and answers more than the buffers between two sockets hold."""
    KnowledgeBase.objects.count()
    return HttpResponse(b"." * LARGE)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Never ends by itself."""
    KnowledgeBase.objects.count()
    return StreamingHttpResponse(_ticks(), content_type="text/event-stream")


async def _ticks() -> AsyncIterator[bytes]:
    seen["streams"] += 1
    try:
        while True:
            yield PART
            await asyncio.sleep(TICK_SECONDS)
    finally:
        seen["streams"] -= 1


def counted(request: HttpRequest) -> StreamingHttpResponse:
    """Asks the database from within the stream."""

    async def parts() -> AsyncIterator[str]:
        for _ in range(3):
            yield f"{await on_thread(KnowledgeBase.objects.count)} "

    return StreamingHttpResponse(parts())


def by_parts(request: HttpRequest) -> StreamingHttpResponse:
    """What is not asynchronous."""

    def parts() -> Iterator[bytes]:
        for _ in range(PARTS):
            seen["parts"] += 1
            yield PART

    return StreamingHttpResponse(parts())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(open(__file__, "rb"))


def held(request: HttpRequest) -> HttpResponse:
    """Keeps its thread until the gate is opened."""
    seen["held"] += 1
    gate.wait(60)
    return HttpResponse("let go")


def unending(request: HttpRequest) -> HttpResponse:
    """Works for its client as long as there is one."""
    try:
        while not gate.wait(0.01):
            client_check("the next step")
    except ClientLeft:
        seen["given up"] += 1
        raise
    return HttpResponse("all done")


def asleep(request: HttpRequest) -> HttpResponse:
    """Keeps its connection to the database for a second."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    return HttpResponse("awake")


def opened(request: HttpRequest) -> HttpResponse:
    gate.set()
    return HttpResponse("open")


def shut(request: HttpRequest) -> HttpResponse:
    gate.clear()
    return HttpResponse("shut")


@csrf_exempt
def sized(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"bytes": len(request.body) if "file" not in request.FILES else request.FILES["file"].size})


def state(request: HttpRequest) -> JsonResponse:
    """The process as it is, from a thread that no other request takes. The pool is looked at without taking from it."""
    pool = connection.pool.get_stats()  # type: ignore[attr-defined]
    return JsonResponse(
        {
            "threads": threading.active_count(),
            "taken": pool.get("pool_size", 0) - pool.get("pool_available", 0),
            "spooled": _spooled(),
            "running": _told("running"),
            "waiting": _told("waiting"),
            **seen,
        }
    )


def _told(what: str) -> int:
    return int(REGISTRY.get_sample_value(f"ragsite_requests_{what}", {"kind": "other"}) or 0)


def _spooled() -> int:
    """Bytes of the temporary files that are open, which have no name; what it prints is in one, too."""
    total = 0
    for number in set(os.listdir("/proc/self/fd")) - {"1", "2"}:
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{number}").startswith(tempfile.gettempdir()):
                total += os.stat(f"/proc/self/fd/{number}").st_size
    return total


class Urls:
    """The addresses of the tests."""

    urlpatterns = (
        path("rows", rows),
        path("large", large),
        path("stream", stream),
        path("counted", counted),
        path("by-parts", by_parts),
        path("file", file),
        path("held", held),
        path("unending", unending),
        path("asleep", asleep),
        path("api/sized", sized),
        path("health/opened", opened),
        path("health/shut", shut),
        path("health/state", state),
    )


settings.ROOT_URLCONF = Urls


class Protocol(EdgeProtocol):
    """With limits that a test reaches."""

    limits = EdgeLimits(
        routes=(Route(Kind.UPLOAD, 4 * 1024 * 1024, "POST", "/api/sized"), Route(Kind.OTHER, 64 * 1024)),
        unknown_bytes=int(os.environ.get("STUB_UNKNOWN_BYTES", "8_000_000")),
        url_bytes=2_000,
        header_bytes=8_000,
        arrival_seconds=float(os.environ.get("STUB_ARRIVAL_SECONDS", "30")),
        stall_seconds=float(os.environ.get("STUB_STALL_SECONDS", "60")),
        requests=int(os.environ.get("STUB_REQUESTS", "1000")),
        requests_of_unknown=int(os.environ.get("STUB_UNKNOWN_REQUESTS", "1000")),
        heads=int(os.environ.get("STUB_HEADS", "1000")),
        heads_bytes=int(os.environ.get("STUB_HEADS_BYTES", "1_000_000")),
    )


application = Edge(OneThreadHandler(Admission(capacities())), Protocol.limits)
