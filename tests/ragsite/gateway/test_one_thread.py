from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib.staticfiles import finders
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from ragsite.gateway.admission import Admission
from ragsite.gateway.one_thread import OneThreadHandler
from ragsite.gateway.routes import capacities

ICON = "ragsite/favicon.svg"
threads: list[int] = []


def noting(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        threads.append(threading.get_ident())
        return get_response(request)

    return middleware


def view(request: HttpRequest) -> HttpResponse:
    threads.append(threading.get_ident())
    return HttpResponse("seen")


def streamed(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    return StreamingHttpResponse(parts())


def failing(request: HttpRequest) -> HttpResponse:
    raise LookupError("as a view may")


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("none", status=404)


class Urls:
    from django.urls import path

    urlpatterns = (path("seen", view), path("streamed", streamed), path("failing", failing))
    handler404 = staticmethod(handler404)


def get(path: str, *, sent: Callable[[], None] = lambda: None) -> tuple[int, dict[str, str], bytes]:
    async def asked() -> list[dict[str, Any]]:
        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "scheme": "http"}
        client = ApplicationCommunicator(OneThreadHandler(Admission(capacities())), scope)
        await client.send_input({"type": "http.request", "body": b"", "more_body": False})
        said = [await client.receive_output(timeout=10)]
        while said[-1]["type"] != "http.response.body" or said[-1].get("more_body"):
            said.append(await client.receive_output(timeout=10))
        sent()
        await client.wait()
        return said

    start, *bodies = asyncio.run(asked())
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(part.get("body", b"") for part in bodies)


@pytest.fixture(autouse=True)
def as_in_the_web_process(settings: Any) -> None:
    settings.ROOT_URLCONF = Urls
    settings.ALLOWED_HOSTS = ["*"]
    threads.clear()


def test_a_request_stays_in_one_thread_through_all_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.noting", *settings.MIDDLEWARE, f"{__name__}.noting"]
    status, _, body = get("/seen")
    assert (status, body) == (200, b"seen")
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident(), "nor does it hold up the event loop"


def test_a_static_file_is_served_whole_and_with_the_headers_of_the_middleware_around_it() -> None:
    path = finders.find(ICON)
    assert path
    status, headers, body = get(f"/static/{ICON}")
    with open(path, "rb") as file:
        assert (status, body) == (200, file.read())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"].startswith("image/svg+xml")


def test_a_path_that_is_no_file_is_left_to_the_urls() -> None:
    assert get("/static/ragsite/nothing.svg")[0] == 404


@pytest.fixture
def finished() -> Iterator[list[str]]:
    """What was recorded at the end of each request, in the order in which things happened."""
    told: list[str] = []

    def note(**_: Any) -> None:
        told.append("finished")

    request_finished.connect(note)
    yield told
    request_finished.disconnect(note)


def test_a_request_is_finished_once_and_before_its_answer_is_sent(finished: list[str]) -> None:
    get("/seen", sent=lambda: finished.append("sent"))
    assert finished == ["finished", "sent"]


def test_a_stream_is_finished_once_and_after_its_last_part(finished: list[str]) -> None:
    assert get("/streamed", sent=lambda: finished.append("sent"))[2] == b"onetwo"
    assert finished == ["sent", "finished"]


def test_a_view_that_fails_is_finished_too(finished: list[str]) -> None:
    assert get("/failing")[0] == 500
    assert finished == ["finished"]
