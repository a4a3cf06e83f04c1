"""Addresses of the web process that are not Django's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ragsite.gateway.visits import Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Mounts:
    """Sends a request to the application at exactly its address, with or without a slash; all others to the handler."""

    def __init__(self, handler: Application, mounts: Mapping[str, Application]) -> None:
        self._handler, self._mounts = handler, mounts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mounted = self._mounts.get(scope.get("path", "").rstrip("/"), self._handler)
        await mounted(scope, receive, send)
