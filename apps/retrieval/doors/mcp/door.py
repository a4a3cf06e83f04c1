"""The address /mcp: who calls, from where, with what; then the SDK answers."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware

from apps.retrieval.doors.mcp.noted import Noted
from ragsite.core.errors import RagError
from ragsite.core.request_ids import in_request, request_id_from
from ragsite.gateway.admission import Admission
from ragsite.gateway.authentication import principal_of_header
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.errors import PermissionDeniedError
from ragsite.gateway.headers import CSP, NO_STORE, PLAIN
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Permission
from ragsite.gateway.one_thread import while_there
from ragsite.gateway.problems import bad_request, problem_response
from ragsite.gateway.request_ids import HEADER
from ragsite.gateway.request_traces import GIVEN
from ragsite.gateway.threads import on_thread
from ragsite.gateway.uses import use_of
from ragsite.gateway.visits import Receive, Scope, Send

if TYPE_CHECKING:
    from apps.retrieval.doors.mcp.server import Tools

USABLE = frozenset({Permission.READ.value, Permission.QUERY.value})


class McpDoor:
    """An ASGI application for one address. A client that leaves ends what is done for it."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._made: Tools | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = ASGIRequest(scope, io.BytesIO()).headers
        id_ = request_id_from(headers.get(HEADER, ""))
        told = _with_headers(send, {HEADER: id_, CSP: PLAIN, "Cache-Control": NO_STORE})
        caller = await on_thread(_caller, scope, id_)
        if isinstance(caller, HttpResponseBase):
            await _respond(caller, told)
        elif (body := await _body(receive)) is not None:
            tools = await self._tools()
            noted = Noted(caller, id_, headers.get(GIVEN, "")).scope(scope)
            await while_there(receive, tools(noted, _again(body), told))

    async def _tools(self) -> Tools:
        if self._made is None:
            self._made = await on_thread(_tools_made, self._admission)
        return self._made


def _tools_made(admission: Admission) -> Tools:
    from apps.retrieval.doors.mcp.server import (
        Tools,
    )  # the SDK takes 0.5 to 1 s, which no process needs that is not asked

    return Tools(admission)


def _caller(scope: Scope, id_: str) -> Principal | HttpResponseBase:
    """Who calls, or the answer that refuses it: as anywhere else over HTTPS and under a known name alone, with a key."""
    request = ASGIRequest(scope, io.BytesIO())
    with in_request(id_):
        try:
            request.get_host()
            return SecurityMiddleware(_unanswered).process_request(request) or _principal(request)
        except DisallowedHost as error:
            return bad_request(request, error)
        except RagError as error:
            return problem_response(error)
        except (OperationalError, InterfaceError) as error:
            return problem_response(database_error(error))


def _unanswered(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _principal(request: HttpRequest) -> Principal:
    principal = principal_of_header(request.headers.get("Authorization", ""), used_by=use_of(request))
    if not USABLE & principal.permissions:
        raise PermissionDeniedError(f"{principal.name} may neither read nor ask.", action="Use a key that may.")
    return principal


async def _body(receive: Receive) -> bytes | None:
    """All of it; the edge has bounded it. None if the client left before."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes) -> Receive:
    """A `receive` that gives the body, and then nothing: who has left is noticed elsewhere."""
    waiting: list[Mapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        return waiting.pop() if waiting else await asyncio.Future[Mapping[str, Any]]()

    return receive


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """A `send` that adds headers to the response."""
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def told(message: Mapping[str, Any]) -> None:
        is_start = message["type"] == "http.response.start"
        names = {name for name, _ in added}
        kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
        await send({**message, "headers": [*kept, *added]} if is_start else message)

    return told


async def _respond(response: HttpResponseBase, send: Send) -> None:
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})  # type: ignore[attr-defined]
