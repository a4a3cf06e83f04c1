"""Calls that could hold each other up are kept apart: a lane each, with threads that ask and a breaker of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from circuitbreaker import CircuitBreakerError

from apps.models.gateway.breaker import breaker_make
from apps.models.gateway.protocol import ModelCall
from ragsite.core.breaker import OneProbeBreaker
from ragsite.core.errors import ModelUnavailableError

SLACK_SECONDS = 0.5
"""What a call gets beyond its deadline, to say itself why it was missed."""

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

    def ask(self, work: Callable[[], Answer], call: ModelCall) -> Answer:
        """Do the work of a call in one of the lane's threads, unless it has failed several times in a row just now.

        Raises:
            ModelUnavailableError: (code `circuit_open`) it was not tried, or (`deadline_exceeded`) it is still not done.
        """
        try:
            return self.breaker.call(lambda: self._in_time(work, call))
        except CircuitBreakerError as error:
            raise ModelUnavailableError(
                f"The model workers have not answered for {call.model.name!r} several times in a row, so they are not asked"
                " for now.",
                code="circuit_open",
                retry_after=float(max(1, self.breaker.open_remaining)),
            ) from error

    def _in_time(self, work: Callable[[], Answer], call: ModelCall) -> Answer:
        """A broker that is frozen keeps its thread for longer than the caller has."""
        asking = self.threads.submit(copy_context().run, work)
        try:
            return asking.result(call.deadline.remaining() + SLACK_SECONDS)
        except TimeoutError:
            asking.cancel()
            raise late(call) from None


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
                self._lanes[key] = Lane(breaker_make(call, of="queue", counts=ModelUnavailableError))
            return self._lanes[key]


def late(call: ModelCall) -> ModelUnavailableError:
    """The error of a call that nobody answered in time."""
    return ModelUnavailableError(
        f"No model worker answered on the queue {call.purpose.queue!r} before the deadline.",
        code="deadline_exceeded",
        status=504,
    )
