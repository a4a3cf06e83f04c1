"""Who a request comes from, asked when its head is there: whose turn it is, and whether its body is taken.

It decides nothing else. Doors look the key, token or session up themselves, each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import InterfaceError, OperationalError
from django.http import parse_cookie

from ragsite.core.errors import RagError
from ragsite.core.refusals import UNAVAILABLE
from ragsite.gateway.bearers import is_bearer, principal_shown
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.threads import LOOKUPS, run_on
from ragsite.gateway.visits import Caller, Scope, unknown_caller

_SESSION = re.compile("[a-z0-9]{32}")
_KEPT_SECONDS, _KEPT = 60.0, 10_000
_LOOKUP_SECONDS, _LOOKUPS = 5.0, 64


@dataclass(frozen=True, slots=True)
class _Credential:
    """What a request shows, and how to find out whose it is."""

    text: str
    caller: Callable[[str], Caller | None]

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(f"{self.caller.__name__} {self.text}".encode()).digest()


class Callers:
    """Remembers for a minute whose a key or session was, so that a look-up costs one request in many. For one event loop."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[float, Caller]] = {}
        self._asked: dict[bytes, asyncio.Future[Caller | None]] = {}

    async def of(self, scope: Scope) -> Caller:
        """The caller of a request.

        Raises:
            RequestRefusedError: it can't be found out now.
        """
        credential = _credential(scope)
        found = await self._known(credential) if credential else None
        return found or unknown_caller(scope)

    async def _known(self, credential: _Credential) -> Caller | None:
        digest = credential.digest
        until, caller = self._kept.get(digest, (0.0, None))
        if until > time.monotonic():
            return caller
        try:
            async with asyncio.timeout(_LOOKUP_SECONDS):
                return await asyncio.shield(self._asking(digest, credential))
        except (OperationalError, InterfaceError) as error:
            raise refused_as(database_error(error)) from error
        except TimeoutError:
            raise refused_as(UNAVAILABLE.error()) from None

    def _asking(self, digest: bytes, credential: _Credential) -> asyncio.Future[Caller | None]:
        """The look-up under way; many requests with one key cause one."""
        if digest not in self._asked:
            if len(self._asked) >= _LOOKUPS:
                raise RequestRefusedError(
                    "Too many keys are being looked up.", code="busy", status=503, action="Try again.", retry_after=1
                )
            asking = asyncio.ensure_future(run_on(LOOKUPS, credential.caller, credential.text))
            self._asked[digest] = asking
            asking.add_done_callback(partial(self._answered, digest))
        return self._asked[digest]

    def _answered(self, digest: bytes, asking: asyncio.Future[Caller | None]) -> None:
        del self._asked[digest]
        self._kept.pop(digest, None)
        caller = None if asking.cancelled() or asking.exception() else asking.result()
        if caller is not None:
            self._kept[digest] = time.monotonic() + _KEPT_SECONDS, caller
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]


def _credential(scope: Scope) -> _Credential | None:
    """The key or token if there is one, else the session; None for what can be neither."""
    cookies = ""
    for name, value in scope["headers"]:
        if name == b"authorization":
            shown = value.decode("latin-1").partition(" ")[2].strip()
            if is_bearer(shown):
                return _Credential(shown, _of_bearer)
        elif name == b"cookie":
            cookies = value.decode("latin-1")
    session = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME, "")
    return _Credential(session, _of_session) if _SESSION.fullmatch(session) else None


def _of_bearer(shown: str) -> Caller | None:
    principal = principal_shown(shown)
    return Caller(str(principal.tenant_id), str(principal.api_key_id)) if principal else None


def _of_session(key: str) -> Caller | None:
    """The user that signed in, though the account may be disabled by now."""
    user = import_module(settings.SESSION_ENGINE).SessionStore(key).get(SESSION_KEY)
    return Caller(f"user {user}", "") if user else None


def refused_as(error: RagError) -> RequestRefusedError:
    """The error as the edge refuses a request for it."""
    return RequestRefusedError(
        error.message,
        code=error.error_code,
        status=error.http_status,
        action=error.error_action,
        retry_after=error.retry_after,
    )
