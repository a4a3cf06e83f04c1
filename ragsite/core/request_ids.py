"""The id of the request at hand, wherever its code runs: log lines, problems and actors carry it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ragsite.core.ids import new_id

_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """That of the request at hand; empty outside of one."""
    return _current.get()


def request_id_from(given: str) -> str:
    """The caller's id where it is well-formed: letters, digits and `._:-`, at most 128 of them. Else a new one."""
    return given if _WELL_FORMED.fullmatch(given) else str(new_id())


@contextmanager
def in_request(id_: str) -> Iterator[None]:
    """Within the block the request of that id is at hand."""
    _current.set(id_)
    try:
        yield
    finally:
        _current.set("")


class RequestIdFilter(logging.Filter):
    """Gives a record `in_request`: ` [<id>]` where it was written for a request, and empty elsewhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.in_request = f" [{request_id()}]" if request_id() else ""
        return True
