"""Where spans come from and go to. Imported only where a process traces."""

from __future__ import annotations

import os
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from ragsite.core.configuration import TracingSettings
from ragsite.core.tracing.told_attributes import ToldSpans

SECONDS = 3.0
"""That sending may take: a process that ends waits as long."""


def provider_made(settings: TracingSettings) -> TracerProvider:
    """One that tells the endpoint. Its thread gathers and sends; a fork begins a new one, with nothing gathered."""
    instance = f"{os.uname().nodename}:{os.getpid()}"
    about = {"service.namespace": "ragsite", "service.name": settings.service, "service.instance.id": instance}
    provider = TracerProvider(resource=Resource.create(about), sampler=ParentBased(WorkSampler(settings.ratio)))
    sends = OTLPSpanExporter(f"{settings.endpoint.rstrip('/')}/v1/traces", timeout=SECONDS)
    provider.add_span_processor(BatchSpanProcessor(ToldSpans(sends, texts=settings.texts)))
    return provider


class WorkSampler(Sampler):
    """Of the traces that begin here it keeps a share, none of which begins with a call of another server: what a library does
    by itself, such as asking a broker whether it is there, is nobody's work.
    """

    def __init__(self, ratio: float) -> None:
        self._share = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """See Sampler."""
        of = ALWAYS_OFF if kind is SpanKind.CLIENT else self._share
        return of.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """See Sampler."""
        return f"WorkSampler{{{self._share.get_description()}}}"
