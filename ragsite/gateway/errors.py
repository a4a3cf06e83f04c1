"""Why a caller is turned away."""

from __future__ import annotations

from ragsite.core.errors import PermanentError


class AuthenticationError(PermanentError):
    """The caller did not say who it is, or the key is unknown, expired or revoked."""

    code = "not_authenticated"
    status = 401
    action = "Send a valid key as `Authorization: Bearer <key>`."


class PermissionDeniedError(PermanentError):
    """The caller is known but may not do this."""

    code = "permission_denied"
    status = 403
