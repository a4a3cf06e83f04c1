"""Calls that could hold each other up are kept apart: a lane each, with threads that ask and a breaker of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from circuitbreaker import CircuitBreakerError

from apps.models.gateway.breaker import OneProbeBreaker
from apps.models.gateway.protocol import ModelCall
from apps.models.kinds import KINDS
from ragsite.core.errors import ModelUnavailableError

ASKING = 32
"""Calls of one lane that are with the model workers at once; more wait for their turn."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Lane:
    """The calls of one model by one queue. Its threads last: Celery keeps its connections by thread."""

    breaker: OneProbeBreaker
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=ASKING, thread_name_prefix="asking")
    )

    def ask(self, work: Callable[[], Answer], *, model: str) -> Answer:
        """Do the work in one of the lane's threads, unless it has failed several times in a row just now.

        Raises:
            ModelUnavailableError: (code `circuit_open`) it was not tried.
        """
        try:
            return self.breaker.call(lambda: self.threads.submit(work).result())
        except CircuitBreakerError as error:
            raise ModelUnavailableError(
                f"The model workers have not answered for {model!r} several times in a row, so they are not asked for now.",
                code="circuit_open",
                retry_after=float(max(1, self.breaker.open_remaining)),
            ) from error


class Lanes:
    """A lane for each model version (which is of one kind) and queue, made when it is first used."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, UUID], Lane] = {}
        self._lock = threading.Lock()

    def of(self, call: ModelCall) -> Lane:
        """The lane of such calls; people who wait and bulk work have different queues, so different ones."""
        key = call.purpose.queue, call.model.version_id
        with self._lock:
            if key not in self._lanes:
                self._lanes[key] = Lane(_breaker(call))
            return self._lanes[key]


def _breaker(call: ModelCall) -> OneProbeBreaker:
    settings = KINDS[call.model.kind].breaker
    return OneProbeBreaker(
        name=f"{call.purpose.queue} {call.model.kind} {call.model.version_id}",
        failure_threshold=settings.failures,
        recovery_timeout=settings.open_seconds,
        expected_exception=ModelUnavailableError,
    )
