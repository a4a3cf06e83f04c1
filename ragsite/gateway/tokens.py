"""Tokens: what a service calls with in place of its key. One for access, short-lived, and one that is given once for a new pair.

A pair belongs to a family, which begins when a key is exchanged. The family's row knows how often it was refreshed: a refresh
token that says another number was used before, by whomever, and ends the family. An access token says whose it is and nothing
that its bearer may: family and key are read at each request, by one statement, as a key's row is. So what ends or narrows the
key, or ends the family or the secret that the key was shown with, holds from the next request on.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import jwt
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from ragsite.core.actors import Actor, Door, change_log
from ragsite.core.bites import bites, rows_bite
from ragsite.core.configuration import TokenSettings
from ragsite.core.work import Turn
from ragsite.gateway.errors import AuthenticationError, RequestRefusedError
from ragsite.gateway.keys import Principal, ShownKey, key_used, principal_of, secret_stands
from ragsite.gateway.models import ApiKey, FamilyEnd, TokenFamily
from ragsite.gateway.token_keys import token_key_named, token_key_signing

MOST_FAMILIES = 1_000
"""Living families of one key. Who begins one a request, and refreshes none, is told so."""

LEEWAY = timedelta(seconds=30)
REQUIRED = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti", "family", "number")
LONGEST = 2_048
_TOKEN = re.compile(r"[\w-]{2,500}\.[\w-]{2,1300}\.[\w-]{2,200}", re.ASCII)


class TokenUse(StrEnum):
    """What a token is for, as its header says in `typ`: calling (RFC 9068), or getting a new pair."""

    ACCESS = "at+jwt"
    REFRESH = "rt+jwt"


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Two tokens, and seconds until each ends."""

    access: str
    access_seconds: int
    refresh: str
    refresh_seconds: int


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a token of ours says: of which key and family, and of which refresh."""

    key_id: UUID
    family_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class HeldToken:
    """A token that stands, as its bearer showed it: its family with the key, and of which refresh it is."""

    family: TokenFamily
    number: int

    @property
    def actor(self) -> Actor:
        """The application that has it."""
        key = self.family.api_key
        return Actor.of_key(key.pk, key.name, door=Door.API)


def token_held(text: str, *uses: TokenUse) -> HeldToken:
    """The token that a text is, of one of these uses.

    Raises:
        AuthenticationError: it is none, has ended, or its family, key or secret has.
    """
    claims = _read(text, *uses)
    return HeldToken(_family(claims), claims.number)


@transaction.atomic
def tokens_begin(*, shown: ShownKey, used_by: str = "", actor: Actor) -> TokenPair:
    """A new family of a key, and its first pair.

    Raises:
        RequestRefusedError: the key has too many.
    """
    key, now = shown.key, timezone.now()
    if key.token_families.filter(revoked_at=None, expires_at__gt=now).count() >= MOST_FAMILIES:
        raise RequestRefusedError(
            f"{key.name} has {MOST_FAMILIES:,} families of tokens that were not ended.",
            code="too_many_requests",
            status=429,
            action="Use an access token until it ends, and refresh it; revoke those that are not needed.",
            retry_after=TokenSettings.current().access_seconds,
        )
    family = TokenFamily.objects.create(api_key=key, secret_hash=shown.secret_hash, expires_at=_refresh_end(key, now))
    key_used(key, used_by=used_by, is_former=shown.is_former)
    what = f"tokens {family.pk} of API key {key.prefix} were begun"
    change_log(what, actor=actor, action="api_key.tokens_begun", of=key, details={"family": str(family.pk)})
    return _pair(family, now)


def tokens_refresh(*, held: HeldToken, actor: Actor) -> TokenPair:
    """The next pair of a family, for a refresh token that was not used before.

    Raises:
        AuthenticationError: it was used before; that ends its family.
    """
    family, now = held.family, timezone.now()
    moved = TokenFamily.objects.filter(pk=family.pk, revoked_at=None, number=held.number).update(
        number=F("number") + 1, expires_at=_refresh_end(family.api_key, now)
    )
    if not moved:
        _end(family, FamilyEnd.REUSED, actor=actor)
        raise AuthenticationError("The refresh token was used before, so all tokens that were had with it are ended.")
    family.number = held.number + 1
    return _pair(family, now)


def tokens_end(*, held: HeldToken, actor: Actor) -> None:
    """End the family of a token of either use. Twice is once."""
    _end(held.family, FamilyEnd.ASKED, actor=actor)


def is_token(text: str) -> bool:
    """Whether it has the form of a token, so that it is worth reading."""
    return len(text) <= LONGEST and _TOKEN.fullmatch(text) is not None


def principal_of_token(text: str, *, used_by: str = "") -> Principal:
    """The caller an access token stands for: its key, as that is now.

    Raises:
        AuthenticationError: it is none, has ended, or its family, key or secret has.
    """
    family = token_held(text, TokenUse.ACCESS).family
    key_used(family.api_key, used_by=used_by, is_former=family.secret_hash != family.api_key.secret_hash)
    return principal_of(family.api_key)


def principal_of_any_token(text: str) -> Principal:
    """Whose token of either use it is, and nothing is noted: for who only asks whose turn it is.

    Raises:
        AuthenticationError: as `principal_of_token`.
    """
    return principal_of(token_held(text, *TokenUse).family.api_key)


def token_families_purge(turn: Turn) -> bool:
    """Remove families whose last token has ended; whether some are left."""
    old = TokenFamily.objects.filter(expires_at__lt=timezone.now() - timedelta(days=1))
    return bites(turn, lambda: rows_bite(old.order_by("expires_at")))


def _family(claims: _Claims) -> TokenFamily:
    """The living family of a token with its key, by one statement."""
    key_stands = Q(api_key__expires_at=None) | Q(api_key__expires_at__gt=Now())
    families = TokenFamily.objects.filter(key_stands, revoked_at=None, api_key__revoked_at=None)
    family = families.select_related("api_key").filter(pk=claims.family_id, api_key=claims.key_id).first()
    if family is None or not secret_stands(family.api_key, family.secret_hash):
        raise _refused()
    return family


@transaction.atomic
def _end(family: TokenFamily, why: FamilyEnd, *, actor: Actor) -> None:
    ended = TokenFamily.objects.filter(pk=family.pk, revoked_at=None).update(revoked_at=Now(), revoked_for=why)
    if ended:
        key, told = family.api_key, {"family": str(family.pk), "why": why.value}
        what = f"tokens {family.pk} of API key {key.prefix} were ended: {why.value}"
        change_log(what, actor=actor, action="api_key.tokens_ended", of=key, details=told)


def _refresh_end(key: ApiKey, now: datetime) -> datetime:
    """No token outlives its key."""
    end = now + timedelta(hours=TokenSettings.current().refresh_hours)
    return end if key.expires_at is None else min(end, key.expires_at)


def _pair(family: TokenFamily, now: datetime) -> TokenPair:
    refresh_end = _refresh_end(family.api_key, now)
    access_end = min(now + timedelta(seconds=TokenSettings.current().access_seconds), refresh_end)
    return TokenPair(
        access=_signed(family, TokenUse.ACCESS, now, access_end),
        access_seconds=max(0, int((access_end - now).total_seconds())),
        refresh=_signed(family, TokenUse.REFRESH, now, refresh_end),
        refresh_seconds=max(0, int((refresh_end - now).total_seconds())),
    )


def _signed(family: TokenFamily, use: TokenUse, now: datetime, end: datetime) -> str:
    settings, key = TokenSettings.current(), token_key_signing()
    claims = {
        "iss": settings.issuer, "aud": settings.audience, "sub": str(family.api_key_id), "jti": secrets.token_hex(16),
        "iat": int(now.timestamp()), "nbf": int(now.timestamp()), "exp": int(end.timestamp()),
        "family": str(family.pk), "number": family.number,
    }  # fmt: skip
    return jwt.encode(claims, key.signing, settings.algorithm, headers={"kid": key.name, "typ": use.value})


def _read(text: str, *uses: TokenUse) -> _Claims:
    """What a token says that is ours, is for one of these uses, and stands now.

    Nothing of its header is believed but the name of one of our keys: not its algorithm, nor where it says that keys are.
    """
    settings = TokenSettings.current()
    try:
        if not is_token(text):
            raise _refused()
        header = jwt.get_unverified_header(text)
        key = token_key_named(header.get("kid"))
        if key is None or header.get("typ") not in uses:
            raise _refused()
        claims = jwt.decode(
            text, key.verifying, algorithms=[settings.algorithm], audience=settings.audience, issuer=settings.issuer,
            leeway=LEEWAY, options={"require": list(REQUIRED), "strict_aud": True},
        )  # fmt: skip
        return _claims(claims)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _refused() from error


def _claims(claims: dict[str, Any]) -> _Claims:
    """Raises ValueError, TypeError: it was signed by us, and is of another form."""
    return _Claims(UUID(claims["sub"]), UUID(claims["family"]), int(claims["number"]))


def _refused() -> AuthenticationError:
    return AuthenticationError(
        "The token is not valid, or has ended.",
        action="Get a new one with a refresh token or an API key.",
    )
