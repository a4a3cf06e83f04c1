"""Tracing of this process, where the settings say to whom spans are told."""

from __future__ import annotations

import logging
from typing import Any

from ragsite.core.configuration import TracingSettings
from ragsite.core.tracing.spans import tracer_use

FLUSH_MILLISECONDS = 3_000
_provider: Any = None


def tracing_start() -> None:
    """Begin, where there is an endpoint. What is imported then takes a fifth of a second, which no other process needs."""
    global _provider
    settings = TracingSettings.current()
    if not settings.endpoint or _provider is not None:
        return
    # A collector that is away is told of once, and not at each try: see ToldSpans.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    from ragsite.core.tracing.database import statements_trace
    from ragsite.core.tracing.provider import provider_made
    from ragsite.core.tracing.tracer import OtelTracer

    _provider = provider_made(settings)
    statements_trace()
    tracer_use(OtelTracer(_provider.get_tracer("ragsite")))


def tracing_flush() -> None:
    """Send what was gathered, in a process that ends without telling the interpreter."""
    if _provider is not None:
        _provider.force_flush(FLUSH_MILLISECONDS)
