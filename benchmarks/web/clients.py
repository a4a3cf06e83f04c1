"""Clients in one event loop, on bare connections, so that they take little of the processor time that they measure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from statistics import quantiles

LIST = "/api/v1/documents/?limit=20"
PATIENCE_SECONDS = 10.0
STREAM_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Request:
    """Where to, and with whose key."""

    port: int
    key: str
    path: str = LIST

    def head(self) -> bytes:
        lines = (f"GET {self.path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.key}", "", "")
        return "\r\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Listed:
    """Seconds of the requests that were answered well, how many were not, for how long clients asked, and what the server's
    processor time was.
    """

    times: tuple[float, ...]
    errors: int
    seconds: float
    processor_seconds: float = 0.0

    def p(self, share: int) -> float | None:
        """Milliseconds that this percentage of requests stayed within; None where none was answered."""
        return round(quantiles(self.times, n=100)[share - 1] * 1000, 1) if len(self.times) > 1 else None

    @property
    def processor(self) -> float:
        """Milliseconds of the server's processor time a request."""
        return round(self.processor_seconds / max(1, len(self.times)) * 1000, 2)

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds


def joined(parts: Iterable[Listed]) -> Listed:
    """Several measurements as one."""
    every = list(parts)
    times = tuple(time for part in every for time in part.times)
    return Listed(
        times,
        sum(part.errors for part in every),
        sum(part.seconds for part in every),
        sum(part.processor_seconds for part in every),
    )


async def listed(request: Request, *, clients: int, seconds: float) -> Listed:
    """What comes of that many clients, each with its next request as soon as it has an answer."""
    started = time.perf_counter()
    outcomes = await asyncio.gather(*(_asked(request, started + seconds) for _ in range(clients)))
    times = tuple(one for found, _ in outcomes for one in found)
    return Listed(times, sum(errors for _, errors in outcomes), time.perf_counter() - started)


async def _asked(request: Request, until: float) -> tuple[list[float], int]:
    times: list[float] = []
    errors = 0
    while (began := time.perf_counter()) < until:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", request.port)
                try:
                    while (began := time.perf_counter()) < until:
                        writer.write(request.head())
                        if await _answer(reader):
                            times.append(time.perf_counter() - began)
                        else:
                            errors += 1
                finally:
                    writer.close()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            errors += 1
    return times, errors


async def _answer(reader: asyncio.StreamReader) -> bool:
    """Whether it was 200; read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return b" 200 " in head.split(b"\r\n", 1)[0]


class Streams:
    """Clients that read a slow stream, from `start` until `stop`."""

    def __init__(self, request: Request, *, clients: int) -> None:
        self._request, self._clients = request, clients
        self._begun: list[bool] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """How many had their first part in time."""
        self._tasks = [asyncio.create_task(self._read()) for _ in range(self._clients)]
        until = time.monotonic() + STREAM_START_SECONDS
        while len(self._begun) < self._clients and time.monotonic() < until:
            await asyncio.sleep(0.1)
        return sum(self._begun)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._request.port, limit=4096)
            try:
                writer.write(self._request.head())
                head = await reader.readuntil(b"\r\n\r\n")
                is_well = b" 200 " in head.split(b"\r\n", 1)[0] and bool(await reader.read(256))
                self._begun.append(is_well)
                while await reader.read(256):
                    await asyncio.sleep(0.05)
            finally:
                writer.close()
