"""What the database refused, as it is answered over HTTP."""

from __future__ import annotations

from ragsite.core.errors import ServiceUnavailableError
from ragsite.core.refusals import refusal_of


def database_error(error: Exception) -> ServiceUnavailableError:
    """The error as it is answered; the log has the database's own words."""
    return refusal_of(error).error()
