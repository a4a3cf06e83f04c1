"""HTTP: requests that are repeated where that does no harm, and replies that are no success as errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, BinaryIO
from uuid import uuid4

import httpx

from ragsite_client.aio.tokens import AsyncTokens
from ragsite_client.aio.waiting import sleep
from ragsite_client.calls import (
    ADDRESS,
    HEARTBEATS_SECONDS,
    NEVER_ARRIVED,
    Attempts,
    Call,
    Reply,
    Verify,
    certificates,
    deprecation_warn,
    is_to_be_repeated,
    refusal,
    success,
)
from ragsite_client.errors import ConnectionFailedError, ProblemError


class AsyncLine:
    """Sends requests with one API key, or with `tokens` in its place; for all that use one client."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float,
        retries: int,
        tokens: bool,
        verify: Verify,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"The address {url!r} does not begin with http:// or https://.")
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}{ADDRESS}",
            timeout=timeout,
            verify=certificates(verify),
            transport=transport,
        )
        # Read from a file, a key has a line break; httpx would quote all of it in its complaint.
        self._key = key.strip()
        self._tokens = AsyncTokens(self._key, self._http) if tokens else None
        self.retries = retries

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **parameters: Any) -> Reply:
        """What is there."""
        return await self.send(Call(method="GET", path=path, parameters=parameters))

    async def send(self, call: Call) -> Reply:
        """The reply.

        Raises:
            ConnectionFailedError: none came. A call that may be repeated was tried again.
            ProblemError: the reply says why it can't be done.
        """
        request_id = str(uuid4())
        try:
            return success(await self._reply(call, request_id))
        except httpx.TransportError as error:
            raise self._unanswered(error, request_id) from error

    async def download(self, path: str, to: BinaryIO) -> int:
        """Write what is there, bit by bit; the number of its bytes. Errors as of `send`; what was written before stays."""
        request_id, size = str(uuid4()), 0
        try:
            reply = await self._reply(Call(method="GET", path=path), request_id, stream=True)
            async with aclosing(reply):
                async for part in reply.aiter_bytes():
                    size += to.write(part)
        except httpx.TransportError as error:
            raise self._unanswered(error, request_id) from error
        return size

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a stream of events.

        Raises:
            httpx.TransportError: the line broke.
            ProblemError: there is no stream.
        """
        timeout = httpx.Timeout(self._http.timeout.connect, read=HEARTBEATS_SECONDS)
        async with aclosing(await self._reply(call, str(uuid4()), stream=True, timeout=timeout)) as reply:
            yield reply.aiter_lines()

    async def _reply(self, call: Call, request_id: str, *, stream: bool = False, **more: Any) -> httpx.Response:
        attempts = Attempts(self.retries)
        while True:
            try:
                return await self._once(call.sent_by(self._http, request_id, **more), stream=stream)
            except httpx.TransportError as error:
                is_harmless = isinstance(error, NEVER_ARRIVED) or (call.is_repeatable and not stream)
                if not is_harmless or not await pause(attempts):
                    raise
            except ProblemError as error:
                if not is_to_be_repeated(error) or not await pause(attempts, error.retry_after):
                    raise

    async def _once(self, request: httpx.Request, *, stream: bool) -> httpx.Response:
        shown = await self._tokens.access() if self._tokens else self._key
        request.headers["Authorization"] = f"Bearer {shown}"
        reply = await self._http.send(request, stream=stream)
        deprecation_warn(reply)
        if reply.is_success:
            return reply
        async with aclosing(reply):
            await reply.aread()
        if self._tokens and reply.status_code == httpx.codes.UNAUTHORIZED:
            await self._tokens.forget(shown)
        raise refusal(reply)

    def _unanswered(self, error: httpx.TransportError, request_id: str) -> ConnectionFailedError:
        return ConnectionFailedError(f"No answer from {self._http.base_url}: {error!r}", request_id=request_id)


async def pause(attempts: Attempts, told: float | None = None) -> bool:
    """Wait for the next attempt, if there is one."""
    wait = attempts.wait(told)
    if wait is None:
        return False
    await sleep(wait)
    return True
