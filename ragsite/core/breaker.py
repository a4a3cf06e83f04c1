"""A circuit breaker that lets one call through to see whether what was away is back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from circuitbreaker import STATE_CLOSED, STATE_HALF_OPEN, CircuitBreaker, CircuitBreakerError

Result = TypeVar("Result")


class OneProbeBreaker(CircuitBreaker):
    """A circuit breaker that, half open, lets exactly one call through; the library lets all of them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lock = threading.Lock()
        self._probing = False

    def call(self, func: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Call `func`, unless the circuit is open or another call is the probe.

        Raises:
            CircuitBreakerError: it was not called.
        """
        is_probe = self._admit()
        try:
            result: Result = super().call(func, *args, **kwargs)
            return result
        finally:
            if is_probe:
                self._probing = False

    def _admit(self) -> bool:
        """Whether the call is the probe."""
        with self._lock:
            state = self.state
            if state == STATE_CLOSED:
                return False
            if state != STATE_HALF_OPEN or self._probing:
                raise CircuitBreakerError(self)
            self._probing = True
            return True

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        # The library counts failures without a lock.
        with self._lock:
            handled: bool = super().__exit__(exc_type, exc_value, traceback)
        return handled
