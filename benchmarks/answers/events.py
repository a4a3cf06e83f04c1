"""Server-sent events as a client has them, and whether a stream of them is whole. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

COMPLETED, WITHDRAWN, DELTA = "response.completed", "response.output_text.withdrawn", "response.output_text.delta"


@dataclass(frozen=True, slots=True)
class SentEvent:
    number: int
    name: str
    data: dict[str, Any]


def events_of(lines: Iterable[str]) -> Iterator[SentEvent]:
    """The events that the lines of a stream tell of; comments are passed over."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield SentEvent(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            fields = {}


def fault_of(events: Sequence[SentEvent]) -> str:
    """What is wrong with a stream; empty if its numbers have no gap, it was completed, and its deltas are the answer."""
    if [one.number for one in events] != list(range(1, len(events) + 1)):
        return f"numbers {[one.number for one in events]}"
    if not events or events[-1].name != COMPLETED:
        return f"it ended with {events[-1].name}: {events[-1].data}" if events else "no events"
    text, answer = "", events[-1].data
    for one in events:
        text = "" if one.name == WITHDRAWN else text + one.data["text"] if one.name == DELTA else text
    wanted = answer["answer"] if answer["found"] else ""
    return "" if text == wanted else f"its deltas are {text!r}, its answer is {wanted!r}"
