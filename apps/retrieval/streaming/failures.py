"""Why a stream ends without its answer, as the data of its last event: a problem like any other of the API."""

from __future__ import annotations

import json

from ragsite.core.errors import PermanentError, RagError, TransientError
from ragsite.gateway.problems import problem

LOOK_UP = "Look the answer up, as it may have been saved; else ask again."

CANCELLED = PermanentError(
    "The answer was cancelled.", code="cancelled", status=409, action="Ask again; with `background` a client may leave."
)
RUN_LOST = TransientError("The web process that was at it is gone.", code="run_lost", action=LOOK_UP)
FOLLOWING_FAILED = TransientError(
    "Redis, which has the events, does not answer.",
    code="broker_unavailable",
    action=f"Ask for the events after the last one you have. {LOOK_UP}",
)


def failed_data(error: RagError) -> str:
    """The error as the data of `response.failed`."""
    return json.dumps(problem(error))
