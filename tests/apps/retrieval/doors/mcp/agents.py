"""Clients of the door for agents, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from apps.retrieval.doors.mcp.door import McpDoor
from ragsite.gateway.admission import Admission
from ragsite.gateway.mounts import Mounts
from ragsite.gateway.routes import capacities

URL = "http://testserver/mcp"


async def _elsewhere(*_: Any) -> None:
    raise AssertionError("asked for another address")


def door(admission: Admission | None = None) -> Mounts:
    """The door alone, with room for everything if not told otherwise."""
    return Mounts(_elsewhere, {"/mcp": McpDoor(admission or Admission(capacities()))})


def http(key: str, admission: Admission | None = None) -> httpx2.AsyncClient:
    """A client of the door in this process, which carries a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    transport = httpx2.ASGITransport(app=door(admission))
    return httpx2.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)


def with_agent(
    key: str, work: Callable[[Client], Any], *, mode: str = "auto", admission: Admission | None = None
) -> Any:
    """What the work gives with the SDK's own client."""

    async def run() -> Any:
        async with (
            http(key, admission) as client,
            Client(streamable_http_client(URL, http_client=client), mode=mode) as agent,  # type: ignore[arg-type]
        ):
            return await work(agent)

    return asyncio.run(run())


async def served(admission: Admission, key: str, body: bytes, leaving: asyncio.Event) -> list[Mapping[str, Any]]:
    """What the door sends to a client that leaves at the event."""
    sent: list[Mapping[str, Any]] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        if waiting:
            return waiting.pop()
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    headers = {
        "host": "testserver", "authorization": f"Bearer {key}", "content-type": "application/json",
        "accept": "application/json, text/event-stream",
    }  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/mcp", "raw_path": b"/mcp", "query_string": b"", "scheme": "http",
        "http_version": "1.1", "server": ("testserver", 80), "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    await door(admission)(scope, receive, send)
    return sent
