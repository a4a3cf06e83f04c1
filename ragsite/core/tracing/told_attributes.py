"""What may be said of a span outside of this system. Everything else is left out before it is sent, whoever said it.

So a library that records a statement with its values, an address with what is asked in it, or the words of an error tells
nobody of a document, a question or a key.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace.status import Status
from opentelemetry.util.types import AttributeValue

logger = logging.getLogger(__name__)

TOLD = frozenset({
    "db.system", "db.system.name", "db.operation.name", "db.query.summary", "error.type", "exception.type",
    "gen_ai.operation.name", "gen_ai.provider.name",
    "gen_ai.request.max_tokens", "gen_ai.request.model", "gen_ai.request.temperature", "gen_ai.response.model",
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "http.request.method", "http.response.status_code",
    "http.route", "messaging.destination.name", "messaging.message.id", "messaging.operation.name",
    "messaging.operation.type", "messaging.system", "network.peer.port", "server.address", "server.port",
})  # fmt: skip
OWN = "ragsite."
"""How names of our own begin: ids, counts and codes."""

TEXTS = frozenset({"gen_ai.input.messages", "gen_ai.output.messages"})
"""Said only where the settings allow it."""


def attributes_told(attributes: Mapping[str, AttributeValue] | None, *, texts: bool) -> dict[str, AttributeValue]:
    """Those that may be said."""
    return {
        name: value
        for name, value in (attributes or {}).items()
        if name in TOLD or name.startswith(OWN) or (texts and name in TEXTS)
    }


class ToldSpans(SpanExporter):
    """Sends on what may be said of each span."""

    def __init__(self, sends: SpanExporter, *, texts: bool) -> None:
        self._sends, self._texts = sends, texts
        self._is_heard = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter. A collector that is away costs these spans, and a line in the log when that begins."""
        result = self._sends.export([self._told(one) for one in spans])
        is_heard = result is SpanExportResult.SUCCESS
        if self._is_heard and not is_heard:
            logger.warning("spans are not taken by the collector, and lost until it is there again")
        self._is_heard = is_heard
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._sends.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See SpanExporter."""
        return self._sends.force_flush(timeout_millis)

    def _told(self, span: ReadableSpan) -> ReadableSpan:
        events = [Event(one.name, attributes_told(one.attributes, texts=False), one.timestamp) for one in span.events]
        return ReadableSpan(
            span.name, context=span.context, parent=span.parent, resource=span.resource,
            attributes=attributes_told(span.attributes, texts=self._texts), events=events, links=span.links,
            kind=span.kind, status=Status(span.status.status_code), start_time=span.start_time, end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )  # fmt: skip
