"""Lines of a log: for people at a terminal, or JSON for what gathers them."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from ragsite.core.logs.about import about_told
from ragsite.core.logs.errors import error_told
from ragsite.core.request_ids import request_id
from ragsite.core.tracing.spans import trace_id

LINE = "%(asctime)s %(levelname)s %(name)s%(in_request)s: %(message)s"
FIELDS = "fields"
"""What a line says beside its message: `extra={FIELDS: {…}}`."""

Event = MutableMapping[str, Any]


class TextFormatter(logging.Formatter):
    """One line for a record, and an error's frames below it."""

    def __init__(self, *, texts: bool) -> None:
        super().__init__(LINE)
        self._texts = texts

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. What another handler has made of the error is not taken over."""
        kept, record.exc_text = record.exc_text, error_in(record, texts=self._texts)
        try:
            return super().format(record)
        finally:
            record.exc_text = kept


def json_formatter(*, texts: bool) -> logging.Formatter:
    """One object a line: `time`, `level`, `logger`, `message`, the ids of what it is about, and `error` with its frames."""
    import structlog  # a tenth of a second, which no process needs that writes for people

    before: list[Callable[[Any, str, Event], Event]] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _Telling(texts=texts),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


class _Telling:
    """Adds what a line is about. What is empty is left out."""

    def __init__(self, *, texts: bool) -> None:
        self._texts = texts

    def __call__(self, _: Any, __: str, event: Event) -> Event:
        record: logging.LogRecord = event["_record"]
        event.pop("exc_info", None)
        told: dict[str, Any] = {
            "request_id": request_id(), "trace_id": trace_id(), "process": record.process, "thread": record.threadName,
            **about_told(), **getattr(record, FIELDS, {}), "error": error_in(record, texts=self._texts),
        }  # fmt: skip
        event.update({name: value for name, value in told.items() if value not in ("", None)})
        return event


def error_in(record: logging.LogRecord, *, texts: bool) -> str | None:
    """The error that was written with a record, as a log may have it; None without one."""
    error = record.exc_info[1] if record.exc_info else getattr(record, "masked_error", None)
    return error_told(error, texts=texts) if error is not None else None
