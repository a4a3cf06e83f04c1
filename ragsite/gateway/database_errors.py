"""What the database refused, as it is answered."""

from __future__ import annotations

from ragsite.core.errors import ServiceUnavailableError
from ragsite.core.refusals import refusal_of


def database_error(error: Exception) -> ServiceUnavailableError:
    """The error as it is answered; the log has the database's own words."""
    refusal = refusal_of(error)
    return ServiceUnavailableError(
        refusal.message, code=refusal.code, action=refusal.action, retry_after=refusal.retry_after
    )
