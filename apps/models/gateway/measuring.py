"""What calls to models cost: their time, what came of them, tokens of texts, and ways that are kept closed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from circuitbreaker import CircuitBreakerMonitor

from apps.models.gateway.protocol import ModelCall
from ragsite.core.metrics.instruments import counter, histogram
from ragsite.core.metrics.readings import Reading, Source

SECONDS = histogram("ragsite_model_call_seconds")
CALLS = counter("ragsite_model_calls_total")
READ_TOKENS = counter("ragsite_prompt_tokens_total")
WRITTEN_TOKENS = counter("ragsite_generated_tokens_total")


@contextmanager
def measured(call: ModelCall) -> Iterator[None]:
    """Measure the call that the block makes. A text that its reader leaves is none that failed."""
    begun, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "done"
    except GeneratorExit:
        outcome = "left"
        raise
    finally:
        SECONDS.labels(call.model.kind).observe(time.monotonic() - begun)
        CALLS.labels(call.model.kind, outcome).inc()


def tokens_count(call: ModelCall, *, read: int, written: int) -> None:
    """Count what a language model read and wrote."""
    READ_TOKENS.labels(call.model.name).inc(read)
    WRITTEN_TOKENS.labels(call.model.name).inc(written)


def _breakers() -> Iterator[Reading]:
    counts: Counter[tuple[str, ...]] = Counter()
    for breaker in list(CircuitBreakerMonitor.get_circuits()):
        way, _queue, kind, _version = breaker.name.split(" ")
        counts[way, kind, breaker.state] += 1
    for labels, number in counts.items():
        yield Reading("ragsite_breakers", number, labels)


BREAKERS = Source("breakers", _breakers)
