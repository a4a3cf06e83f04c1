"""Server-sent events, as model servers send them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST_LINE = 1024 * 1024

_END = re.compile(rb"\r\n|\n|\r")


class LineTooLongError(ValueError):
    """A line has no end within LONGEST_LINE bytes."""


def stream_events(parts: Iterable[bytes]) -> Iterator[str | None]:
    """The data of each event; None for a comment, which only says that the server is still there.

    Each line of data is an event of its own, whether a blank line follows it or not: no model server divides JSON among lines.

    Raises:
        LineTooLongError: a line does not end.
    """
    for line in _lines(parts):
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()
        elif line.startswith(":"):
            yield None


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for part in parts:
        *lines, rest = _END.split(rest + part)
        if len(rest) > LONGEST_LINE:
            raise LineTooLongError(f"a line is longer than {LONGEST_LINE:,} bytes")
        yield from (line.decode("utf-8", "replace") for line in lines)
    yield rest.decode("utf-8", "replace")
