"""What a message of the relay says of the trace that its event is part of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cloudevents.core.bindings.kafka import KafkaMessage

from ragsite.core.tracing.spans import SpanKind, span, traceparent, under

TRACE = "traceparent"
"""The attribute of CloudEvents' distributed tracing extension, and the header, that name the trace an event is part of."""


@contextmanager
def sent(topic: str, message: KafkaMessage) -> Iterator[dict[str, str | bytes | None]]:
    """The headers of a message that is sent while the block runs, which is part of the trace of what its event tells of."""
    headers: dict[str, str | bytes | None] = dict(message.headers)
    parent = message.headers.get(TRACE, b"").decode()
    if not parent:
        yield headers
        return
    with span(
        f"send {topic}", SpanKind.PRODUCER, parent=parent, messaging__system="kafka",
        messaging__destination__name=topic, messaging__operation__name="send", messaging__operation__type="send",
    ), under(parent):  # fmt: skip
        yield headers | {TRACE: traceparent().encode()}
