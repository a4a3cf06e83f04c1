from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from circuitbreaker import CircuitBreakerError

from ragsite.core.breaker import OneProbeBreaker
from ragsite.core.errors import ModelUnavailableError, PermanentError

PATIENCE = 10.0


def fail() -> None:
    raise ModelUnavailableError("silence")


def breaker_open(*, recovery: float) -> OneProbeBreaker:
    breaker = OneProbeBreaker(failure_threshold=3, recovery_timeout=recovery, expected_exception=ModelUnavailableError)
    for _ in range(3):
        with pytest.raises(ModelUnavailableError):
            breaker.call(fail)
    return breaker


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.002)


def test_it_opens_after_consecutive_failures_and_then_calls_nothing() -> None:
    breaker = breaker_open(recovery=60)
    called = threading.Event()

    with pytest.raises(CircuitBreakerError):
        breaker.call(called.set)

    assert not called.is_set()


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = OneProbeBreaker(failure_threshold=3, expected_exception=ModelUnavailableError)

    for call in (fail, fail, int, fail, fail):
        try:
            breaker.call(call)
        except ModelUnavailableError:
            continue

    assert breaker.closed


def test_errors_that_an_answering_worker_reports_do_not_open_it() -> None:
    breaker = OneProbeBreaker(failure_threshold=1, expected_exception=ModelUnavailableError)

    def refuse() -> None:
        raise PermanentError("unknown model")

    with pytest.raises(PermanentError):
        breaker.call(refuse)
    assert breaker.closed


def test_half_open_exactly_one_of_eight_threads_gets_through() -> None:
    breaker = breaker_open(recovery=0.05)
    until(lambda: not breaker.opened)
    probes: list[int] = []
    refused = threading.Semaphore(0)
    answer = threading.Event()

    def probe() -> None:
        probes.append(threading.get_ident())
        assert answer.wait(PATIENCE)

    def call(_: int) -> str:
        try:
            breaker.call(probe)
        except CircuitBreakerError:
            refused.release()
            return "refused"
        return "answered"

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(call, n) for n in range(8)]
        for _ in range(7):
            assert refused.acquire(timeout=PATIENCE)
        answer.set()
        outcomes = sorted(each.result(PATIENCE) for each in calls)

    assert len(probes) == 1
    assert outcomes == ["answered"] + ["refused"] * 7
    assert breaker.closed


def test_a_failed_probe_opens_it_again_and_a_later_one_may_close_it() -> None:
    breaker = breaker_open(recovery=0.2)
    until(lambda: not breaker.opened)

    with pytest.raises(ModelUnavailableError):
        breaker.call(fail)
    with pytest.raises(CircuitBreakerError):
        breaker.call(int)

    until(lambda: not breaker.opened)
    assert breaker.call(int) == 0
    assert breaker.closed


def test_failures_of_many_threads_are_all_counted() -> None:
    breaker = OneProbeBreaker(failure_threshold=1000, expected_exception=ModelUnavailableError)

    def fail_often(_: int) -> None:
        for _ in range(100):
            with pytest.raises(ModelUnavailableError):
                breaker.call(fail)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(fail_often, range(4)))

    assert breaker.failure_count == 400
