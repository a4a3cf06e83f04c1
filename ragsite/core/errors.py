"""The two families of errors.

A *permanent* error is not fixed by trying again: the input is at fault, and the message says what to do.
A *transient* error is: it is backed off, tried again a bounded number of times, then dead-lettered with its reason.
"""

from __future__ import annotations

from typing import ClassVar

LONGEST = 8_000
"""Characters of a message and of an action. They are kept in rows, and may quote what others wrote."""


class RagError(Exception):
    """Any failure that is reported to a person.

    `code` is stable and machine-readable, `message` a sentence, `action` a sentence on what to do about it,
    `status` the HTTP status at the edge, `retry_after` seconds after which a new try makes sense.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    action: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        action: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        message = clipped(message)
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.error_action = clipped(action if action is not None else self.action)
        self.http_status = status or self.status
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _rebuild,
            (type(self), self.message, self.error_code, self.error_action, self.http_status, self.retry_after),
        )

    @property
    def sentence(self) -> str:
        """What went wrong and what to do, in words."""
        return f"{self.message} {self.error_action}".strip()


def clipped(text: str) -> str:
    """The text, or its two ends where it is too long."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[: half - 2]} … {text[-half + 1 :]}"


def _rebuild(
    kind: type[RagError], message: str, code: str, action: str, status: int, retry_after: float | None
) -> RagError:
    return kind(message, code=code, action=action, status=status, retry_after=retry_after)


class PermanentError(RagError):
    """Trying again gives the same result."""

    code = "invalid_input"
    status = 422


class TransientError(RagError):
    """Trying again later may succeed."""

    code = "temporarily_unavailable"
    status = 503


class NotFoundError(PermanentError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"
    status = 404


class ConflictError(PermanentError):
    """The request contradicts the present state."""

    code = "conflict"
    status = 409


class ConfigurationError(PermanentError):
    """A setting is missing or wrong; seen by the operator, as one line that names the setting."""

    code = "configuration_error"
    status = 500


class ServiceUnavailableError(TransientError):
    """A server or worker that the request needs does not answer."""

    code = "service_unavailable"


class ModelUnavailableError(TransientError):
    """No model worker answered before the deadline, or the model could not be loaded for now."""

    code = "model_unavailable"
    action = "Check that a model worker is running, then try again."


class ModelNotFoundError(PermanentError):
    """The model asked for is not registered, or its files are missing or changed."""

    code = "model_not_found"
    status = 404


class LeaseLostError(TransientError):
    """Another worker took over the row while this one was working on it; nothing of this work is kept."""

    code = "lease_lost"
