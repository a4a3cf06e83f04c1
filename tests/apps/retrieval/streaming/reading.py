"""Streams of events as a client reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from django.core.signals import request_finished
from django.db import close_old_connections

from apps.retrieval.streaming.events import StreamEvent


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    number: int
    data: dict[str, Any]


def events_read(text: str) -> list[Event]:
    """The events of a stream, without the comments between them."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block and not block.startswith(":")]
    return [_event(dict(line.split(": ", 1) for line in block)) for block in blocks]


def _event(fields: dict[str, str]) -> Event:
    return Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))


def streamed(response: Any) -> str:
    """All that a streaming response says; at its end the test client closes it, as the web process does."""
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "text/event-stream"

    async def read() -> str:
        return "".join([part.decode() async for part in response])

    return asyncio.run(read())


def leave(response: Any) -> None:
    """Close a response as the web process does when its client leaves; the connection of the test stays open."""
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)


def collected(events: AsyncIterator[StreamEvent | None]) -> list[StreamEvent | None]:
    """What comes until the end."""

    async def read() -> list[StreamEvent | None]:
        async with asyncio.timeout(20):
            return [event async for event in events]

    return asyncio.run(read())
