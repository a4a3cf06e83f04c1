"""A place in a trace as text, by W3C Trace Context: `00-<trace id>-<span id>-<flags>`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_SAMPLED = 0x01
_INVALID_VERSION = "ff"
_FIRST_VERSION = "00"
LONGEST = 512
"""Characters of one that is read; a later version of the form may say more than today's 55."""


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A span of a trace, by their ids in hexadecimal digits, and whether who made it keeps the trace."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @classmethod
    def read(cls, text: str) -> TraceParent | None:
        """What the text says; None where it is not of the form."""
        found = _FORM.fullmatch(text.strip()) if len(text) <= LONGEST else None
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if version == _INVALID_VERSION or (version == _FIRST_VERSION and more) or not int(trace_id, 16):
            return None
        return cls(trace_id, span_id, bool(int(flags, 16) & _SAMPLED)) if int(span_id, 16) else None

    @property
    def text(self) -> str:
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def trace_id_of(text: str) -> str:
    """The trace that such a text names; empty where it names none."""
    found = TraceParent.read(text)
    return found.trace_id if found else ""
