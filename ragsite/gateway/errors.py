"""Why a caller, or a request of one, is turned away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Self

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


class UnreadableBodyError(PermanentError):
    """The body of a request is not what its content type says."""

    code = "bad_request"
    status = 400
    action = "Mend the body, and send it again."


class PreconditionFailedError(PermanentError):
    """The caller made its request depend on what is not so; nothing was done."""

    code = "precondition_failed"
    status = 412
    action = "Read it again, and send the `ETag` of that answer as `If-Match`."


class PreconditionRequiredError(PermanentError):
    """A change that does not say what the caller has seen, where that is asked for; nothing was done."""

    code = "precondition_required"
    status = 428
    action = "Read it, and send the `ETag` of that answer as `If-Match`; or `If-Match: *` to change it as it is."


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


class TooManyTriesError(TransientError):
    """Too many sign-ins failed, of this account or from this address."""

    code = "too_many_tries"
    status = 429
    action = "If it was not you who tried, ask the operator for a pass."

    @classmethod
    def after(cls, wait: timedelta) -> Self:
        """One that says how long to wait."""
        seconds = max(1, round(wait.total_seconds()))
        told = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
        return cls(f"Too many sign-ins failed. Wait {told}, then try again.", retry_after=seconds)


class RequestRefusedError(RagError):
    """The request is over a limit of the edge, or there is no room for it."""


class LimitReachedError(RequestRefusedError):
    """A limit of the caller's is reached; `headers` tell which."""

    code = "rate_limited"
    status = 429

    headers: Mapping[str, str] = MappingProxyType({})


class LimitsUnavailableError(RequestRefusedError):
    """Redis, which counts for limits, is away, and the installation serves nobody who has limits without it."""

    code = "limits_unavailable"
    status = 503
    action = "Try again."
