"""Short-lived tokens in place of the key, so that the key goes over the line once a day and not with every request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator

import httpx

from ragsite_client.line import ADDRESS, checked

EARLY_SECONDS = 30.0
"""A token that ends so soon is not used any more: it could end on its way."""


class TokenAuth(httpx.Auth):
    """Exchanges a key for tokens when the first request is sent, and has new ones before they end. For several threads.

    Replies of other requests are not read here: they may be streams. A refresh that went wrong is not repeated, as a refresh
    token counts once: new tokens are had with the key.
    """

    def __init__(self, api_key: str) -> None:
        self._key = api_key.strip()
        self._access, self._access_until = "", 0.0
        self._refresh, self._refresh_until = "", 0.0
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises ProblemError: the key is refused."""
        with self._lock:
            if time.monotonic() >= self._access_until:
                yield from self._renewed(request.url)
            access = self._access
        request.headers["Authorization"] = f"Bearer {access}"
        reply = yield request
        if reply.status_code == httpx.codes.UNAUTHORIZED:
            # Its family was ended: the next request begins anew.
            with self._lock:
                if self._access == access:
                    self._access_until = self._refresh_until = 0.0

    def _renewed(self, url: httpx.URL) -> Generator[httpx.Request, httpx.Response, None]:
        root = f"{str(url).partition(ADDRESS)[0]}{ADDRESS}"
        refresh, until = self._refresh, self._refresh_until
        self._refresh_until = 0.0
        if time.monotonic() < until:
            reply = yield httpx.Request("POST", f"{root}/tokens/refresh/", headers=_bearer(refresh))
            reply.read()
            if reply.is_success:
                self._keep(reply)
                return
        self._keep(checked((yield httpx.Request("POST", f"{root}/tokens/", headers=_bearer(self._key)))))

    def _keep(self, reply: httpx.Response) -> None:
        told, now = json.loads(reply.read()), time.monotonic()
        self._access, self._access_until = told["access_token"], now + told["expires_in"] - EARLY_SECONDS
        self._refresh, self._refresh_until = told["refresh_token"], now + told["refresh_expires_in"] - EARLY_SECONDS


def _bearer(shown: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {shown}"}
