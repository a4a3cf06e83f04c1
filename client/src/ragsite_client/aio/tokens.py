"""Short-lived tokens in place of the key, so that the key goes over the line once a day and not with every request."""

from __future__ import annotations

import json
import time

import httpx

from ragsite_client.aio.waiting import Lock
from ragsite_client.calls import refusal

EARLY_SECONDS = 30.0
"""A token that ends so soon is not used any more: it could end on its way."""


class AsyncTokens:
    """Exchanges a key for tokens when the first request is sent, and has new ones before they end; for all that use one client.

    A refresh that went wrong is not repeated, as a refresh token counts once: new tokens are had with the key.
    """

    def __init__(self, api_key: str, http: httpx.AsyncClient) -> None:
        self._key, self._http = api_key, http
        self._access, self._access_until = "", 0.0
        self._refresh, self._refresh_until = "", 0.0
        self._lock = Lock()

    async def access(self) -> str:
        """What to show with a request.

        Raises:
            ProblemError: the key is refused.
            httpx.TransportError: no answer came.
        """
        async with self._lock:
            if time.monotonic() >= self._access_until:
                await self._renew()
            return self._access

    async def forget(self, access: str) -> None:
        """It was refused, as its family was ended: the next request begins anew."""
        async with self._lock:
            if self._access == access:
                self._access_until = self._refresh_until = 0.0

    async def _renew(self) -> None:
        refresh, until = self._refresh, self._refresh_until
        self._refresh_until = 0.0
        if time.monotonic() < until:
            reply = await self._asked("/tokens/refresh/", refresh)
            if reply.is_success:
                self._keep(reply)
                return
        reply = await self._asked("/tokens/", self._key)
        if not reply.is_success:
            raise refusal(reply)
        self._keep(reply)

    async def _asked(self, path: str, shown: str) -> httpx.Response:
        return await self._http.post(path, headers={"Authorization": f"Bearer {shown}"})

    def _keep(self, reply: httpx.Response) -> None:
        told, now = json.loads(reply.content), time.monotonic()
        self._access, self._access_until = told["access_token"], now + told["expires_in"] - EARLY_SECONDS
        self._refresh, self._refresh_until = told["refresh_token"], now + told["refresh_expires_in"] - EARLY_SECONDS
