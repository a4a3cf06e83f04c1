"""How the web process runs a request: rendered on one thread, sent by the event loop.

A door that streams is an ordinary function. It reads, checks and refuses on its thread, and returns a `StreamingHttpResponse`
with an asynchronous iterator, which then runs on the event loop, without a thread and without a database connection:

    def answer_stream(request: HttpRequest) -> StreamingHttpResponse:
        question = ...  # rows, rights, errors as in any view
        return StreamingHttpResponse(_pieces(question), content_type="text/event-stream")

    async def _pieces(question: Question) -> AsyncIterator[str]:
        async for piece in ...:  # waits without a thread
            yield piece
        await on_thread(answer_save, question)  # a thread and a connection for this call alone

When the client leaves, the iterator is cancelled where it waits. An iterator that is not asynchronous is read a part at a
time, each on a thread; so it must keep nothing of the database open from one part to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TypeVar

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from ragsite.core.audience import Client, ClientLeft, working_for
from ragsite.gateway.admission import Admission
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.refused import refused_response
from ragsite.gateway.threads import PROBES, REQUESTS, on_thread, run_on
from ragsite.gateway.visits import HEALTH, Receive, Scope, Send, Visit

T = TypeVar("T")


class OneThreadHandler(ASGIHandler):
    """Runs a request with all its middleware in one thread of a few, until it is rendered.

    Django's own handler changes threads for each half of each middleware, has a thread for each request until its last
    byte is read, and keeps its connection as long.
    """

    def __init__(self, admission: Admission) -> None:
        super().__init__()
        self._admission = admission

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises ValueError for what is not HTTP."""
        if scope["type"] != "http":
            raise ValueError(f"Only HTTP is served, not {scope['type']}.")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        is_health = scope["path"].startswith(HEALTH)
        answering = self._worked_on(scope, receive, body, PROBES) if is_health else self._admitted(scope, receive, body)
        response = await answering
        if isinstance(response, StreamingHttpResponse):
            await self._stream(response, receive, send)
        elif response is not None:
            await self.send_response(response, send)

    async def _admitted(self, scope: Scope, receive: Receive, body: IO[bytes]) -> HttpResponseBase | None:
        """The response, when it was the request's turn; None if the client left before that."""
        visit = Visit.of(scope)
        try:
            if not self._admission.enter_at_once(visit) and await while_there(receive, self._turn(visit)) is None:
                body.close()
                return None
        except RequestRefusedError as error:
            body.close()
            return refused_response(error, scope)
        try:
            return await self._worked_on(scope, receive, body, REQUESTS)
        finally:
            self._admission.leave(visit)

    async def _turn(self, visit: Visit) -> bool:
        await self._admission.wait(visit)
        return True

    async def _worked_on(
        self, scope: Scope, receive: Receive, body: IO[bytes], threads: ThreadPoolExecutor
    ) -> HttpResponseBase | None:
        """The response; None if the client left. A thread can't be stopped: its place is free only when it has ended."""
        client = Client()
        working = asyncio.ensure_future(run_on(threads, self._rendered_for, client, scope, body))
        leaving = asyncio.ensure_future(_left(receive))
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        client.has_left = not working.done()
        leaving.cancel()
        response = await working
        if client.has_left and response is not None:
            await on_thread(response.close)
        return None if client.has_left else response

    def _rendered_for(self, client: Client, scope: Scope, body: IO[bytes]) -> HttpResponseBase | None:
        """As `_rendered`; None if the work was given up, as its client left."""
        try:
            with working_for(client):
                return self._rendered(scope, body)
        except ClientLeft:
            body.close()
            return None

    def _rendered(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """The response of a request whose body has arrived. What is not streamed is closed: nothing of it is open any more."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        response: HttpResponseBase = self.get_response(request) if request else refusal  # type: ignore[assignment]
        response._handler_class = type(self)  # type: ignore[attr-defined]  # whom `request_finished` names as its sender
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        return response

    async def _stream(self, response: StreamingHttpResponse, receive: Receive, send: Send) -> None:
        if not response.is_async:
            response.streaming_content = _by_parts(iter(response))
        try:
            await while_there(receive, self.send_response(response, send))
        finally:
            await on_thread(response.close)


async def _by_parts(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same, each part taken on a thread: at once they would all be in memory."""
    while (part := await on_thread(next, parts, None)) is not None:
        yield part


async def while_there(receive: Receive, work: Awaitable[T]) -> T | None:
    """What the work gives; None if the client left first. Then the work is cancelled."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        leaving.cancel()
        if working.cancel():
            await asyncio.wait((working,))


async def _left(receive: Receive) -> None:
    """Returns once the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
