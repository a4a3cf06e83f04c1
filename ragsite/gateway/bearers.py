"""What follows `Bearer` in a request: an API key, or an access token in its place. Every door asks here."""

from __future__ import annotations

from ragsite.core.logs.about import about_tell
from ragsite.gateway.errors import AuthenticationError
from ragsite.gateway.keys import Principal, is_key, key_shown, principal_of, principal_of_key
from ragsite.gateway.tokens import is_token, principal_of_any_token, principal_of_token


def is_bearer(text: str) -> bool:
    """Whether it has the form of a key or a token, so that it is worth looking up."""
    return is_key(text) or is_token(text)


def principal_of_bearer(text: str, *, used_by: str = "") -> Principal:
    """Who calls; the use of the key is noted.

    Raises:
        AuthenticationError: it is neither, or does not stand any more.
    """
    found = principal_of_token(text, used_by=used_by) if is_token(text) else principal_of_key(text, used_by=used_by)
    about_tell(tenant_id=str(found.tenant_id), api_key_id=str(found.api_key_id or ""), user_id=str(found.user_id or ""))
    return found


def principal_shown(text: str) -> Principal | None:
    """Whose it is, for who only gives turns: nothing is noted, and a refresh token counts too. None for nobody's."""
    try:
        return principal_of_any_token(text) if is_token(text) else principal_of(key_shown(text).key)
    except AuthenticationError:
        return None
