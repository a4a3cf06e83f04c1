"""Runs models in this process: for model workers, commands and evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.utils.module_loading import import_string

from apps.models.errors import DeadlineExceededError
from apps.models.gateway.protocol import ModelCall

# By name, not by import: naming it here must not load torch into the web process.
ENGINES = "apps.models.engine.resources.engines"


class LocalTransport:
    """Hands calls to this process's runner of the model, which is loaded on first use."""

    def run(self, call: ModelCall) -> np.ndarray:
        """See ModelTransport."""
        call.deadline.check("the model was asked")
        with _engines().lease(call.model, timeout=call.deadline.remaining()) as runner:
            future = runner.submit(call.inputs.items(), priority=call.purpose.priority, deadline=_until(call))
            try:
                found: np.ndarray = future.result(timeout=call.deadline.remaining())
            except TimeoutError:
                future.cancel()
                raise DeadlineExceededError(
                    f"The deadline passed while {call.model.name!r} was computing {len(call.inputs.items())} texts."
                ) from None
            return found

    def stream(self, call: ModelCall) -> Iterator[Any]:
        """See ModelTransport."""
        call.deadline.check("the model was asked")
        with _engines().lease(call.model, timeout=call.deadline.remaining()) as runner:
            yield from runner.stream(call.inputs, priority=call.purpose.priority, deadline=_until(call))


def _until(call: ModelCall) -> float:
    """The deadline on the clock of this process's engines."""
    return time.monotonic() + call.deadline.remaining()


def _engines() -> Any:
    return import_string(ENGINES)()
