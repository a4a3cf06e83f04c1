"""How every process writes its log, as `logging.config` takes it."""

from __future__ import annotations

from typing import Any, Literal

FILTERS = {
    "request": "ragsite.core.request_ids.RequestIdFilter", "scrubbing": "ragsite.core.logs.filtering.ScrubbingFilter",
}  # fmt: skip
LogForm = Literal["text", "json"]
FORMATTERS = {form: f"ragsite.core.logs.formatting.{name}" for form, name in (
    ("text", "TextFormatter"), ("json", "json_formatter"),
)}  # fmt: skip
QUIET = ("httpx", "mcp", "botocore", "celery", "kombu", "amqp")
"""They tell of each call; a line for each request and job is written by what makes them."""


def logging_of(*, form: LogForm, texts: bool) -> dict[str, Any]:
    """Lines to the standard error output: `text` for people, `json` for what gathers them. `texts`: with the words of errors that
    are not ours.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {name: {"()": path} for name, path in FILTERS.items()},
        "formatters": {"line": {"()": FORMATTERS[form], "texts": texts}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": [*FILTERS]}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            **{name: {"level": "WARNING"} for name in QUIET},
            # It sets up a handler of its own before it knows of this one.
            "uvicorn": {"level": "INFO", "handlers": [], "propagate": True},
        },
    }
