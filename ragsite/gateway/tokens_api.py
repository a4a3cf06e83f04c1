"""The REST door to tokens. Each call carries its key or token as every call does, and no body."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from ragsite.gateway.authentication import KeyBearer
from ragsite.gateway.keys import ShownKey, key_shown
from ragsite.gateway.tokens import (
    HeldToken,
    TokenPair,
    TokenUse,
    token_held,
    tokens_begin,
    tokens_end,
    tokens_refresh,
)
from ragsite.gateway.uses import use_of


class OwnKeyBearer(KeyBearer):
    """A key itself: a token gets no further tokens but by being refreshed."""

    def authenticate(self, request: HttpRequest, token: str) -> ShownKey:
        return key_shown(token)


class RefreshBearer(KeyBearer):
    """A refresh token."""

    def authenticate(self, request: HttpRequest, token: str) -> HeldToken:
        return token_held(token, TokenUse.REFRESH)


class TokenBearer(KeyBearer):
    """A token of either use."""

    def authenticate(self, request: HttpRequest, token: str) -> HeldToken:
        return token_held(token, *TokenUse)


class TokensOut(Schema):
    """A pair of tokens."""

    access_token: str = Field(description="In place of the key, for `expires_in` seconds.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the scheme
    expires_in: int
    refresh_token: str = Field(description="For one new pair, within `refresh_expires_in` seconds.")
    refresh_expires_in: int

    @classmethod
    def of(cls, pair: TokenPair) -> TokensOut:
        return cls(
            access_token=pair.access,
            expires_in=pair.access_seconds,
            refresh_token=pair.refresh,
            refresh_expires_in=pair.refresh_seconds,
        )


router = Router(tags=["tokens"])


@router.post("/tokens/", auth=OwnKeyBearer(permission=None), response=TokensOut, summary="Exchange a key for tokens")
def begin(request: Any) -> TokensOut:
    """The key goes in the header. The tokens may what the key may, and no longer than it may."""
    return TokensOut.of(tokens_begin(shown=request.auth, used_by=use_of(request), actor=request.auth.actor))


@router.post(
    "/tokens/refresh/",
    auth=RefreshBearer(permission=None),
    response=TokensOut,
    summary="Exchange a refresh token for a new pair",
)
def refresh(request: Any) -> TokensOut:
    """The refresh token goes in the header, and is used up. One that comes again ends all tokens that were had with it."""
    return TokensOut.of(tokens_refresh(held=request.auth, actor=request.auth.actor))


@router.post("/tokens/revoke/", auth=TokenBearer(permission=None), response={204: None}, summary="End tokens")
def revoke(request: Any) -> Status[None]:
    """The refresh or access token in the header, and all that were had with it, are refused from now on."""
    tokens_end(held=request.auth, actor=request.auth.actor)
    return Status(204, None)
