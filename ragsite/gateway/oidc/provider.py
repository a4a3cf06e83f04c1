"""The provider over HTTP: what it says about itself, its keys, and the exchange of a code. Few short answers, each in seconds.

What it says about itself and its keys are kept for an hour. A key that is not known is looked for once more, at most once a
minute, so that a provider may change its keys whenever it wants and nobody makes us ask it with every request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from ragsite.core.configuration import OidcSettings
from ragsite.gateway.oidc.errors import ProviderUnreachableError

logger = logging.getLogger(__name__)

SECONDS = 5.0
MOST_BYTES = 256 * 1024
KEPT_SECONDS, ASKED_AGAIN_SECONDS = 3600.0, 60.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Provider:
    """Where a provider's endpoints are, and its public keys by their names."""

    issuer: str
    authorization: str
    token: str
    end_session: str
    keys_at: str
    read_at: float
    keys: dict[str, Any] = field(default_factory=dict)
    keys_read_at: float = 0.0

    def key(self, name: str, *, algorithm: str) -> Any:
        """The public key of that name for that algorithm; None for none.

        Raises:
            ProviderUnreachableError: its keys could not be had.
        """
        now = time.monotonic()
        age = now - self.keys_read_at if self.keys_read_at else KEPT_SECONDS
        if age >= KEPT_SECONDS or (name not in self.keys and age >= ASKED_AGAIN_SECONDS):
            self.keys, self.keys_read_at = _keys(_json(_asked("GET", self.keys_at)), algorithm=algorithm), now
        return self.keys.get(name)


_known: dict[str, Provider] = {}


def client() -> httpx.Client:
    """One for each question: they are few."""
    return httpx.Client(timeout=SECONDS, follow_redirects=False)


def provider() -> Provider:
    """The provider of the settings.

    Raises:
        ProviderUnreachableError: it does not say where it is, or says something that is not so.
    """
    issuer = OidcSettings.current().issuer
    known = _known.get(issuer)
    if known is None or time.monotonic() - known.read_at > KEPT_SECONDS:
        told = _json(_asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        known = _known[issuer] = _provider(issuer, told)
    return known


def id_token_of_code(code: str, *, verifier: str, redirect_uri: str) -> str:
    """The identity token for a code that the provider gave to the browser.

    Raises:
        ProviderUnreachableError: it gives none.
    """
    settings = OidcSettings.current()
    sent = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier,
        "client_id": settings.client_id,
    }  # fmt: skip
    if settings.client_secret:
        sent["client_secret"] = settings.client_secret
    token = _json(_asked("POST", provider().token, data=sent)).get("id_token")
    if not isinstance(token, str):
        raise _unfit("gave no identity token")
    return token


def is_safe(address: str) -> bool:
    """Whether nobody in between can read or change what is said to it: over HTTPS, or on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def _provider(issuer: str, told: Mapping[str, Any]) -> Provider:
    if told.get("issuer") != issuer:
        raise _unfit(f"calls itself {str(told.get('issuer'))[:200]!r} and not {issuer!r}")
    addresses = {name: str(told.get(name) or "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    end_session = str(told.get("end_session_endpoint") or "")
    unsafe = [name for name, address in addresses.items() if not is_safe(address)]
    if unsafe or (end_session and not is_safe(end_session)):
        raise _unfit(f"has no safe address for {', '.join(unsafe) or 'end_session_endpoint'}")
    return Provider(
        issuer=issuer, authorization=addresses["authorization_endpoint"], token=addresses["token_endpoint"],
        keys_at=addresses["jwks_uri"], end_session=end_session, read_at=time.monotonic(),
    )  # fmt: skip


def _keys(told: Mapping[str, Any], *, algorithm: str) -> dict[str, Any]:
    """Those that are for signing by the algorithm; a key of another kind is none of them."""
    found = {}
    for one in told.get("keys") or ():
        name = one.get("kid") if isinstance(one, dict) else None
        if not isinstance(name, str) or one.get("use", "sig") != "sig" or one.get("alg", algorithm) != algorithm:
            continue
        try:
            found[name] = jwt.PyJWK(one, algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            logger.warning("a key of the OIDC provider can't be used: %r", error)
    return found


def _asked(method: str, address: str, **request: Any) -> bytes:
    try:
        with client() as asking, asking.stream(method, address, **request) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise _unfit("answered too much")
            if answer.status_code != httpx.codes.OK:
                raise _unfit(f"answered {answer.status_code}", body)
            return body
    except httpx.HTTPError as error:
        raise _unfit(f"did not answer ({type(error).__name__})") from error


def _json(body: bytes) -> dict[str, Any]:
    try:
        told = httpx.Response(httpx.codes.OK, content=body).json()
    except (ValueError, RecursionError) as error:
        raise _unfit("answered no JSON") from error
    if not isinstance(told, dict):
        raise _unfit("answered another JSON than it should")
    return told


def _unfit(what: str, body: bytes = b"") -> ProviderUnreachableError:
    logger.warning("the OIDC provider %s %s", what, body[:300].decode("utf-8", "replace"))
    return ProviderUnreachableError("The sign-in provider can't be used now.")
