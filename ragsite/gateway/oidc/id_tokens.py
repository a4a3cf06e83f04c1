"""Identity tokens: whether one is of our provider, for us, of now, and the answer to what this browser asked."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

from ragsite.core.configuration import OidcSettings
from ragsite.gateway.oidc.errors import ProviderRefusedError
from ragsite.gateway.oidc.provider import provider

logger = logging.getLogger(__name__)

LEEWAY = timedelta(seconds=30)
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
LONGEST = 32 * 1024
LONGEST_SUBJECT = 255


def id_token_read(text: str, *, nonce: str) -> Mapping[str, Any]:
    """What an identity token says that is all of that.

    It is signed by the one algorithm of the settings, with a key that the provider has under the name in its header. Whatever
    else the header says, such as where keys are, is not looked at.

    Raises:
        ProviderRefusedError: it is not.
        ProviderUnreachableError: the provider's keys could not be had.
    """
    settings = OidcSettings.current()
    try:
        if len(text) > LONGEST:
            raise _refused("too long")
        name = jwt.get_unverified_header(text).get("kid")
        key = provider().key(name, algorithm=settings.algorithm) if isinstance(name, str) else None
        if key is None:
            raise _refused("signed with no key of the provider's")
        claims = jwt.decode(
            text, key, algorithms=[settings.algorithm], audience=settings.client_id, issuer=settings.issuer,
            leeway=LEEWAY, options={"require": list(REQUIRED)},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise _refused(str(error)) from error
    _check(claims, settings.client_id, nonce)
    return claims


def claimed(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The texts of a claim, which is one or a list; `realm_access.roles` leads to a claim within another."""
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    values = found if isinstance(found, list) else [found]
    return frozenset(value for value in values if isinstance(value, str) and value)


def is_name(value: object) -> bool:
    """Whether it is a text that can be kept and shown."""
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _check(claims: Mapping[str, Any], client_id: str, nonce: str) -> None:
    audience, subject = claims["aud"], claims["sub"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != client_id:
        raise _refused("for several, and not said to be for us")
    if claims.get("azp", client_id) != client_id:
        raise _refused("given to somebody else")
    given = claims["nonce"]
    if not is_name(given) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise _refused("not the answer to this sign-in")
    if not is_name(subject) or len(subject) > LONGEST_SUBJECT:
        raise _refused("about nobody")


def _refused(why: str) -> ProviderRefusedError:
    logger.warning("an identity token was refused: %s", why)
    return ProviderRefusedError("What the sign-in provider said is not valid.")
