"""Spans by OpenTelemetry. Imported only where a process traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from weakref import WeakKeyDictionary

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind as OtelKind
from opentelemetry.trace.status import Status, StatusCode

from ragsite.core.errors import RagError
from ragsite.core.tracing.spans import SpanKind, Value
from ragsite.core.tracing.trace_parents import TraceParent

KINDS = {kind: OtelKind[kind.name] for kind in SpanKind}
NANOSECONDS = 1_000_000_000

_amounts: WeakKeyDictionary[trace.Span, dict[str, float]] = WeakKeyDictionary()
"""What is added up for a span until its block ends: to set an attribute costs ten times as much, and a search counts some twenty
statements.
"""


class OtelSpan:
    """A span that is at hand within its block."""

    __slots__ = ("_before", "_span")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._before = contexts.get_current()

    def __enter__(self) -> OtelSpan:
        self._before = contexts.get_current()
        contexts.attach(trace.set_span_in_context(self._span, self._before))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None and not isinstance(error, GeneratorExit):
            self.fail(error.error_code if isinstance(error, RagError) else type(error).__name__)
        self._span.set_attributes(_amounts.pop(self._span, {}))
        self._span.end()
        # Not by the token: a generator may be closed in another context than it was begun in.
        if trace.get_current_span() is self._span:
            contexts.attach(self._before)

    def tell(self, **attributes: Value) -> None:
        """See Span."""
        self._span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})

    def name(self, name: str) -> None:
        """See Span."""
        self._span.update_name(name)

    def fail(self, code: str) -> None:
        """See Span."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelTracer:
    """See Tracer."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def span(
        self, name: str, kind: SpanKind, parent: str, links: Iterable[str], attributes: Mapping[str, Value]
    ) -> OtelSpan:
        """See Tracer."""
        return OtelSpan(
            self._tracer.start_span(
                name, context=_context(parent), kind=KINDS[kind], attributes=attributes,
                links=[trace.Link(found) for text in links if (found := _place(text))],
            )
        )  # fmt: skip

    def past(
        self,
        name: str,
        kind: SpanKind,
        parent: str,
        times: tuple[float, float],
        *,
        link: str,
        failed: str,
        attributes: Mapping[str, Value],
    ) -> str:
        """See `span_past`."""
        begun, ended = (int(moment * NANOSECONDS) for moment in times)
        links = [trace.Link(found)] if (found := _place(link)) else []
        made = self._tracer.start_span(
            name, context=_context(parent), kind=KINDS[kind], start_time=begun, links=links, attributes=attributes
        )
        if failed:
            OtelSpan(made).fail(failed)
        made.end(ended)
        return _text(made.get_span_context())

    def tell(self, attributes: Mapping[str, Value]) -> None:
        """See `told`."""
        trace.get_current_span().set_attributes(dict(attributes))

    def add(self, amounts: Mapping[str, float]) -> None:
        """See `told_more`."""
        span = trace.get_current_span()
        if span.is_recording():
            so_far = _amounts.setdefault(span, {})
            for name, amount in amounts.items():
                so_far[name] = so_far.get(name, 0) + amount

    def traceparent(self) -> str:
        """See `traceparent`."""
        return _text(trace.get_current_span().get_span_context())

    def is_tracing(self) -> bool:
        """See `is_traced`."""
        return trace.get_current_span().is_recording()


def _text(place: trace.SpanContext) -> str:
    if not place.is_valid:
        return ""
    ids = trace.format_trace_id(place.trace_id), trace.format_span_id(place.span_id)
    return TraceParent(*ids, sampled=place.trace_flags.sampled).text


def _context(parent: str) -> contexts.Context | None:
    """None for that which is at hand."""
    place = _place(parent)
    return trace.set_span_in_context(trace.NonRecordingSpan(place)) if place else None


def _place(text: str) -> trace.SpanContext | None:
    found = TraceParent.read(text)
    if found is None:
        return None
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if found.sampled else trace.TraceFlags.DEFAULT)
    return trace.SpanContext(int(found.trace_id, 16), int(found.span_id, 16), is_remote=True, trace_flags=flags)
