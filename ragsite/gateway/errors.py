"""Why a caller, or a request of one, is turned away."""

from __future__ import annotations

from ragsite.core.errors import PermanentError, RagError, TransientError


class AuthenticationError(PermanentError):
    """The caller did not say who it is, or the key is unknown, expired or revoked."""

    code = "not_authenticated"
    status = 401
    action = "Send a valid key as `Authorization: Bearer <key>`."


class PermissionDeniedError(PermanentError):
    """The caller is known but may not do this."""

    code = "permission_denied"
    status = 403


class IdempotencyKeyError(PermanentError):
    """The `Idempotency-Key` is not one."""

    code = "invalid_idempotency_key"
    action = "Send 1 to 255 visible ASCII characters without spaces, such as a UUID."


class IdempotencyConflictError(TransientError):
    """The first request under this key is still running."""

    code = "idempotency_conflict"
    status = 409
    action = "Wait a moment, then send it again: the first one's answer is given."


class IdempotencyMismatchError(PermanentError):
    """Another request was sent under this key."""

    code = "idempotency_mismatch"
    action = "Send each request under a key of its own; only a repeat carries the same one."


class RequestRefusedError(RagError):
    """The request is over a limit of the edge, or there is no room for it."""
