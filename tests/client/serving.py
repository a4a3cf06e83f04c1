"""Servers for the client: the views themselves, and what a test lets the line say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from django.test import Client as TestClient
from ragsite_client import AsyncClient, Client

HOST = "http://testserver"


class Views(httpx.BaseTransport):
    """Answers requests in this process and thread, so within the test's transaction."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = _answered(request, request.read())
        return _reply(response, asyncio.run(_all(response)))


class AsyncViews(httpx.AsyncBaseTransport):
    """The same for asynchronous clients."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        with beside_the_loop():
            response = _answered(request, body)
            return _reply(response, asyncio.run(_all(response)))


@contextmanager
def beside_the_loop() -> Iterator[None]:
    """Within the block it is as if no loop ran: Django has another connection in one, which knows nothing of the test's rows."""
    running = asyncio.get_running_loop()
    asyncio.events._set_running_loop(None)
    try:
        yield
    finally:
        asyncio.events._set_running_loop(running)


def _answered(request: httpx.Request, body: bytes) -> Any:
    headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
    kind = headers.pop("content-type", "application/octet-stream")
    return TestClient().generic(request.method, request.url.raw_path.decode(), body, kind, headers=headers)


def _reply(response: Any, content: bytes) -> httpx.Response:
    return httpx.Response(response.status_code, headers=dict(response.items()), content=content)


async def _all(response: Any) -> bytes:
    if not response.streaming:
        return bytes(response.content)
    if not response.is_async:
        return b"".join(response.streaming_content)
    return b"".join([part async for part in response])


def client_of(key: str) -> Client:
    """One of the views, which tries nothing twice."""
    return Client(HOST, key, retries=0, transport=Views())


class Script:
    """A server that answers each request by the next line of a script; `asked` are the requests."""

    def __init__(self, *replies: httpx.Response | Exception) -> None:
        self._replies, self.asked = list(replies), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, **options: Any) -> Client:
        return Client(HOST, "rag_key", transport=httpx.MockTransport(self), **options)

    def async_client(self, **options: Any) -> AsyncClient:
        return AsyncClient(HOST, "rag_key", transport=httpx.MockTransport(self), **options)


def reply(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def problem(code: str, status: int, **headers: str) -> httpx.Response:
    return reply(problem_body(code, status), status, **headers)


def problem_body(code: str, status: int) -> dict[str, Any]:
    detail = f"It is {code}. Do something else."
    return {"type": f"urn:ragsite:problem:{code}", "title": "No", "status": status, "detail": detail, "code": code}


def sent(number: int, name: str, data: Any) -> bytes:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data)}\n\n".encode()


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Parts of a stream and then its end, or a broken line; `closed` once nobody reads it any more."""

    def __init__(self, parts: Sequence[bytes], *, breaks: bool = False) -> None:
        self._parts, self._breaks, self.closed = parts, breaks, False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        if self._breaks:
            raise httpx.ReadError("cut off")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self:
            yield part

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.close()


def streamed(*parts: bytes, breaks: bool = False) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=Stream(parts, breaks=breaks))
