"""Keeps callers from queueing behind workers that do not answer."""

from __future__ import annotations

from typing import Any

from circuitbreaker import CircuitBreakerMonitor

from apps.models.gateway.protocol import ModelCall
from apps.models.kinds import KINDS
from ragsite.core.breaker import OneProbeBreaker


def breaker_make(call: ModelCall, *, of: str, counts: Any) -> OneProbeBreaker:
    """A breaker for calls like this one: of its queue, kind and version. `of` names the way they go; `counts` is the error that
    counts, or says of one whether it does.
    """
    settings = KINDS[call.model.kind].breaker
    made = OneProbeBreaker(
        name=f"{of} {call.purpose.queue} {call.model.kind} {call.model.version_id}",
        failure_threshold=settings.failures,
        recovery_timeout=settings.open_seconds,
        expected_exception=counts,
    )
    # The library lists those alone that decorate a function.
    CircuitBreakerMonitor.register(made)
    return made
