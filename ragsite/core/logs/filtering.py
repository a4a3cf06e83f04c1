"""What other libraries say of requests and tasks, without what was asked and what went wrong in words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

UNKNOWN_ROUTE = "no route"
_OF_TASKS = "celery.app.trace"
_OF_REQUESTS = "django.request"


class ScrubbingFilter(logging.Filter):
    """Changes the records of those loggers whose messages have an address or an error's words in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        if record.name == _OF_TASKS and isinstance(record.args, Mapping):
            record.args = {**record.args, **_scrubbed(record.args)}
        elif record.name.startswith(_OF_REQUESTS) and hasattr(record, "request"):
            record.msg, record.args = "%s %s", (getattr(record, "status_code", ""), route_of(record.request))
        return True


def route_of(request: Any) -> str:
    """The pattern of the request's address, in which nothing is that the caller wrote."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else UNKNOWN_ROUTE


def _scrubbed(args: Mapping[str, Any]) -> dict[str, str]:
    return {name: "…" for name in ("exc", "traceback", "return_value", "args", "kwargs") if name in args}
