"""The edge of the web process: what a request may take before anything of ours has looked at it.

`EdgeLimits` is the one place for such limits. `Edge` holds them around the handler; what comes before a request's head is whole,
and clients that read nothing, is for the server's own end of the connection: `ragsite.gateway.edge_protocol`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

from ragsite.core.metrics.instruments import counter
from ragsite.gateway.callers import Callers
from ragsite.gateway.errors import LimitReachedError, RequestRefusedError
from ragsite.gateway.limits.gate import Gate
from ragsite.gateway.refused import refused_response
from ragsite.gateway.routes import Route, route_of, routes
from ragsite.gateway.visits import HEALTH, Caller, Receive, Scope, Send, Visit, unknown_caller

REFUSED = counter("ragsite_edge_refused_total")

# What a refused client may still send, so that it comes to read why: a closed connection would take the answer with it.
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 1024 * 1024
# Places that are kept for health checks when all others are taken.
_HEALTH_PLACES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """What holds for every route; how large a body may be, `routes` says for each. `header_bytes` are of all headers together.

    A head must have arrived in `arrival_seconds`; a body in as many more, and a second for each `bytes_per_second` of it. A
    client that has read nothing for `stall_seconds`, though there is something to read, is let go.

    Heads that are not whole are at most `heads`, and have `heads_bytes` together: of more, the one that began first is let go.

    `requests` counts those that are arriving, wait, are rendered, sent and streamed. Of these one tenant may have
    `requests_of_one`; all callers together who show neither a valid key nor a session `requests_of_unknown`, each with a body of
    `unknown_bytes`.
    """

    routes: tuple[Route, ...]
    url_bytes: int = 8 * 1024
    header_bytes: int = 32 * 1024
    heads: int = 1_000
    heads_bytes: int = 4 * 1024 * 1024
    arrival_seconds: float = 30.0
    bytes_per_second: int = 4 * 1024
    stall_seconds: float = 60.0
    requests: int = 1_000
    requests_of_one: int = 750
    requests_of_unknown: int = 250
    unknown_bytes: int = 16 * 1024


def edge_limits() -> EdgeLimits:
    """The limits of this installation."""
    return EdgeLimits(routes=routes())


class Edge:
    """Holds the limits around an ASGI application. A refusal is a problem, and closes the connection."""

    def __init__(
        self,
        application: Callable[[Scope, Receive, Send], Awaitable[None]],
        limits: EdgeLimits,
        gate: Gate | None = None,
    ) -> None:
        self._application, self._limits, self._gate = application, limits, gate
        self._callers = Callers()
        self._requests = 0
        self._requests_of: Tally[str] = Tally()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            await self._admitted(scope, receive, send)
        except RequestRefusedError as error:
            await _refuse(error, scope, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = _head_check(scope, self._limits)
        route = route_of(scope["method"], scope["path"], self._limits.routes)
        # Who asks for health sends nothing; a body that takes its time would keep a place that is not meant for it.
        is_health = scope["path"].startswith(HEALTH) and length == 0
        with self._place(is_health):
            # Health answers also while the database, which knows the callers, does not.
            caller = unknown_caller(scope) if is_health else await self._callers.of(scope)
            with self._place_of(caller, is_health):
                bound = _Bound.of(route, caller, self._limits)
                bound.check(length)
                arriving = receive if length == 0 else _Arriving(receive, self._limits, bound)
                Visit(route.kind, caller).note(scope)
                if self._gate is None:
                    await self._application(scope, arriving, send)
                    return
                async with self._gate.passed(route, caller, scope, length) as passage:
                    await self._application(scope, passage.receiving(arriving), passage.sending(send))

    @contextmanager
    def _place(self, is_health: bool) -> Iterator[None]:
        if self._requests >= self._limits.requests + (_HEALTH_PLACES if is_health else 0):
            raise _busy("Too many requests are under way.")
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def _place_of(self, caller: Caller, is_health: bool) -> Iterator[None]:
        most = self._limits.requests_of_one if caller.is_known else self._limits.requests_of_unknown
        if not is_health and self._requests_of[caller.tenant] >= most:
            raise _too_many() if caller.is_known else _busy("Too many requests without a valid key are under way.")
        self._requests_of[caller.tenant] += 1
        try:
            yield
        finally:
            self._requests_of.subtract([caller.tenant])
            if not self._requests_of[caller.tenant]:
                del self._requests_of[caller.tenant]


@dataclass(frozen=True, slots=True)
class _Bound:
    """How large a body may be, and what is said of a larger one."""

    most: int
    refusal: Callable[[int], RequestRefusedError]

    @classmethod
    def of(cls, route: Route, caller: Caller, limits: EdgeLimits) -> _Bound:
        """Of callers that are not known only as much is kept as many of them may send at once."""
        if caller.is_known or route.body_bytes <= limits.unknown_bytes:
            return cls(route.body_bytes, body_too_large)
        return cls(limits.unknown_bytes, unknown_caller_sends)

    def check(self, length: int) -> None:
        """Raises RequestRefusedError: it is over the bound."""
        if length > self.most:
            raise self.refusal(self.most)


class _Arriving:
    """`receive` of a request with a body, which is counted and timed until it is whole."""

    __slots__ = ("_bound", "_bytes", "_is_whole", "_limits", "_receive", "_started")

    def __init__(self, receive: Receive, limits: EdgeLimits, bound: _Bound) -> None:
        self._receive, self._limits, self._bound = receive, limits, bound
        self._bytes, self._is_whole, self._started = 0, False, time.monotonic()

    async def __call__(self) -> Mapping[str, Any]:
        if self._is_whole:
            return await self._receive()
        message = await self._in_time()
        self._bytes += len(message.get("body", b""))
        self._bound.check(self._bytes)
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
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > limits.header_bytes:
        raise headers_too_large(limits)
    return _length(scope)


def _length(scope: Scope) -> int:
    length = 0
    for name, value in scope["headers"]:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            length = -1
    return length


def url_too_long(limits: EdgeLimits) -> RequestRefusedError:
    sentence = f"An address may have {limits.url_bytes} bytes."
    return RequestRefusedError(sentence, code="url_too_long", status=414, action="Send what is long in a body.")


def headers_too_large(limits: EdgeLimits) -> RequestRefusedError:
    sentence = f"Headers may have {limits.header_bytes} bytes."
    return RequestRefusedError(sentence, code="headers_too_large", status=431, action="Send less in them.")


def body_too_large(most: int) -> RequestRefusedError:
    return RequestRefusedError(
        f"A request to this address may have {most} bytes.",
        code="request_too_large",
        status=413,
        action="Send it in parts.",
    )


def unknown_caller_sends(most: int) -> RequestRefusedError:
    return RequestRefusedError(
        f"More than {most} bytes are only taken from callers that are known.",
        code="not_authenticated",
        status=HTTPStatus.UNAUTHORIZED,
        action="Send a valid key as `Authorization: Bearer <key>`, or sign in.",
    )


def _busy(why: str) -> RequestRefusedError:
    return RequestRefusedError(why, code="busy", status=503, action="Try again.", retry_after=1)


def _too_many() -> RequestRefusedError:
    return RequestRefusedError(
        "Too many of your requests are under way.",
        code="too_many_requests",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        action="Wait for some of them.",
        retry_after=1,
    )


def no_http(told: str) -> RequestRefusedError:
    return RequestRefusedError(told, code="bad_request", status=400, action="Send it as HTTP/1.1.")


def too_late() -> RequestRefusedError:
    return RequestRefusedError(
        "The request did not arrive in time.", code="request_timeout", status=408, action="Send it again."
    )


def refusal(error: RequestRefusedError, scope: Scope | None = None) -> JsonResponse:
    """The answer to a request that the edge refuses, counted; without a scope, its head never became whole."""
    REFUSED.labels(error.error_code).inc()
    response = refused_response(error, scope)
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    if isinstance(error, LimitReachedError):
        for name, value in error.headers.items():
            response[name] = value
    return response


async def _refuse(error: RequestRefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    answer = refusal(error, scope)
    if isinstance(error, LimitReachedError) and _length(scope) == 0:
        # Nothing more comes of this request, and the client will be back.
        del answer["Connection"]
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
