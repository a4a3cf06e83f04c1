"""The events of an answer that is streamed, and how they are written as server-sent events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventName(StrEnum):
    """In the order in which they come; between the second and the last, deltas with their citations."""

    CREATED = "response.created"
    RETRIEVED = "response.retrieval.completed"
    DELTA = "response.output_text.delta"
    CITED = "response.output_text.annotation.added"
    WITHDRAWN = "response.output_text.withdrawn"
    COMPLETED = "response.completed"
    FAILED = "response.failed"


LAST = frozenset({EventName.COMPLETED, EventName.FAILED})
"""One of these ends a stream."""

HEARTBEAT = ": still at it\n\n"
"""A comment: clients pass over it, and whoever sits in between sees that the line is in use."""

_LINE_ENDS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\u0085\u2028\u2029"}
"""JSON leaves them as they are, and many readers of lines end one there."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event by its number, from 1 and in order; `data` is JSON on one line."""

    number: int
    name: EventName
    data: str

    @property
    def is_last(self) -> bool:
        return self.name in LAST

    def sent(self) -> str:
        """As it goes over the line."""
        return f"event: {self.name}\nid: {self.number}\ndata: {self.data.translate(_LINE_ENDS)}\n\n"
