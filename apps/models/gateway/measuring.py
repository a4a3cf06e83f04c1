"""What calls to models cost: their time, what came of them, tokens of texts, and ways that are kept closed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from circuitbreaker import CircuitBreakerMonitor

from apps.models.gateway.protocol import ModelCall
from apps.models.generation import Message
from apps.models.installed_model import ModelKind
from ragsite.core.configuration import TracingSettings
from ragsite.core.metrics.instruments import counter, histogram
from ragsite.core.metrics.readings import Reading, Source
from ragsite.core.timelines import MarkKind, mark_kept
from ragsite.core.tracing.spans import Span, SpanKind, is_traced, part

SECONDS = histogram("ragsite_model_call_seconds")
CALLS = counter("ragsite_model_calls_total")
READ_TOKENS = counter("ragsite_prompt_tokens_total")
WRITTEN_TOKENS = counter("ragsite_generated_tokens_total")


OPERATIONS = {ModelKind.EMBEDDING: "embeddings", ModelKind.GENERATION: "chat"}
"""As OpenTelemetry's conventions for generative AI call what a kind of model does; others are called by their kind."""


@contextmanager
def measured(call: ModelCall) -> Iterator[Span]:
    """Measure the call that the block makes, and trace it. A text that its reader leaves is none that failed."""
    begun, outcome = time.monotonic(), "failed"
    operation = OPERATIONS.get(call.model.kind, call.model.kind.value)
    try:
        with part(
            f"{operation} {call.model.name}", SpanKind.CLIENT, gen_ai__operation__name=operation,
            gen_ai__request__model=call.model.name, gen_ai__provider__name="server" if call.model.endpoint else "ragsite",
            ragsite__purpose=call.purpose.value,
        ) as traced, mark_kept(f"{operation} {call.model.name}", MarkKind.MODEL):  # fmt: skip
            yield traced
        outcome = "done"
    except GeneratorExit:
        outcome = "left"
        raise
    finally:
        SECONDS.labels(call.model.kind).observe(time.monotonic() - begun)
        CALLS.labels(call.model.kind, outcome).inc()


def writing_trace(traced: Span, messages: Sequence[Message], most: int) -> None:
    """What a language model is asked, as far as it may be told: its messages only where the settings allow it."""
    traced.tell(gen_ai__request__max_tokens=most)
    if is_traced() and TracingSettings.current().texts:
        told = [{"role": one.role.value, "content": one.content} for one in messages]
        traced.tell(gen_ai__input__messages=json.dumps(told, ensure_ascii=False))


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
