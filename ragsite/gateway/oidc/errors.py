"""Why somebody does not come in by the provider."""

from __future__ import annotations

from ragsite.core.errors import PermanentError, TransientError


class ProviderRefusedError(PermanentError):
    """What came from the provider is not what was asked for, or about somebody who may not come in; seen on the sign-in page."""

    action = "Try again; if it stays so, ask your operator, who finds more in the log."


class ProviderUnreachableError(TransientError):
    """The provider does not answer, or answers what it should not; seen on the sign-in page."""

    action = "Try again in a moment."
