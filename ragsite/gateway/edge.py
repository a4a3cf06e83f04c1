"""The edge of the web process: what a request may take before anything of ours has looked at it.

`EdgeLimits` is the one place for such limits. `Edge` holds them around the handler; what comes before a request's head is whole,
and clients that read nothing, is for the server's own end of the connection: `ragsite.gateway.edge_protocol`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import JsonResponse
from prometheus_client import Counter

from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import RagError
from ragsite.gateway.one_thread import HEALTH, Receive, Scope, Send
from ragsite.gateway.problems import problem_response

REFUSED = Counter("ragsite_edge_refused_total", "Requests that the edge of the web process refused.", ["code"])

# What a refused client may still send, so that it comes to read why: a closed connection would take the answer with it.
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 1024 * 1024
# Places that are kept for health checks when all others are taken.
_HEALTH_PLACES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """`requests` counts those that are arriving, rendered, sent and streamed. `header_bytes` are of all headers together.

    A head must have arrived in `arrival_seconds`; a body in as many more, and a second for each `bytes_per_second` of it. A
    client that has read nothing for `stall_seconds`, though there is something to read, is let go.
    """

    body_bytes: int
    url_bytes: int = 8 * 1024
    header_bytes: int = 32 * 1024
    arrival_seconds: float = 30.0
    bytes_per_second: int = 4 * 1024
    stall_seconds: float = 60.0
    requests: int = 1_000


def edge_limits() -> EdgeLimits:
    """The limits of this installation: a body may have as many of the largest files as a request may have files."""
    uploads = UploadSettings.current()
    return EdgeLimits(body_bytes=(uploads.max_files + 1) * uploads.max_bytes)


class RequestRefusedError(RagError):
    """The request is over a limit of the edge."""


class Edge:
    """Holds the limits around an ASGI application. A refusal is a problem, and closes the connection."""

    def __init__(self, application: Callable[[Scope, Receive, Send], Awaitable[None]], limits: EdgeLimits) -> None:
        self._application, self._limits = application, limits
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            self._place_check(scope["path"])
            await self._admitted(scope, receive, send)
        except RequestRefusedError as error:
            await _refuse(error, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        try:
            length = _head_check(scope, self._limits)
            arriving = receive if length == 0 else _Arriving(receive, self._limits)
            await self._application(scope, arriving, send)
        finally:
            self._requests -= 1

    def _place_check(self, path: str) -> None:
        most = self._limits.requests + (_HEALTH_PLACES if path.startswith(HEALTH) else 0)
        if self._requests >= most:
            raise RequestRefusedError(
                "Too many requests are under way.", code="busy", status=503, action="Try again.", retry_after=1
            )


class _Arriving:
    """`receive` of a request with a body, which is counted and timed until it is whole."""

    __slots__ = ("_bytes", "_is_whole", "_limits", "_receive", "_started")

    def __init__(self, receive: Receive, limits: EdgeLimits) -> None:
        self._receive, self._limits = receive, limits
        self._bytes, self._is_whole, self._started = 0, False, time.monotonic()

    async def __call__(self) -> Mapping[str, Any]:
        if self._is_whole:
            return await self._receive()
        message = await self._in_time()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._limits.body_bytes:
            raise body_too_large(self._limits)
        self._is_whole = not message.get("more_body", False)
        return message

    async def _in_time(self) -> Mapping[str, Any]:
        patience = self._limits.arrival_seconds + self._bytes / self._limits.bytes_per_second
        try:
            async with asyncio.timeout(self._started + patience - time.monotonic()):
                return await self._receive()
        except TimeoutError:
            raise too_late() from None


def _head_check(scope: Scope, limits: EdgeLimits) -> int:
    """The declared length of the body; -1 where it has none. Raises RequestRefusedError for what is too long."""
    if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > limits.url_bytes:
        raise url_too_long(limits)
    size = length = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value) + 4
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            length = -1
    if size > limits.header_bytes:
        raise headers_too_large(limits)
    if length > limits.body_bytes:
        raise body_too_large(limits)
    return length


def url_too_long(limits: EdgeLimits) -> RequestRefusedError:
    return RequestRefusedError(f"An address may have {limits.url_bytes} bytes.", code="url_too_long", status=414)


def headers_too_large(limits: EdgeLimits) -> RequestRefusedError:
    return RequestRefusedError(f"Headers may have {limits.header_bytes} bytes.", code="headers_too_large", status=431)


def body_too_large(limits: EdgeLimits) -> RequestRefusedError:
    return RequestRefusedError(
        f"A request may have {limits.body_bytes} bytes.",
        code="request_too_large",
        status=413,
        action="Send it in parts.",
    )


def too_late() -> RequestRefusedError:
    return RequestRefusedError(
        "The request did not arrive in time.", code="request_timeout", status=408, action="Send it again."
    )


def refusal(error: RequestRefusedError) -> JsonResponse:
    """The answer to a request that the edge refuses, counted."""
    REFUSED.labels(error.error_code).inc()
    response = problem_response(error)
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    return response


async def _refuse(error: RequestRefusedError, receive: Receive, send: Send) -> None:
    answer = refusal(error)
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in answer.items()]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content, "more_body": True})
    await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    """Take what is still being sent, within bounds, and keep nothing of it."""
    left, more = _LINGER_BYTES, True
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return
