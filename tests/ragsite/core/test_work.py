from __future__ import annotations

import pytest

from ragsite.core.leases import BACKOFF_MAX_SECONDS, BACKOFF_SECONDS, backoff


@pytest.mark.parametrize("attempts", [1, 3, 500])
def test_a_wait_grows_with_the_attempts_and_never_passes_a_minute(attempts: int) -> None:
    most = min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2**attempts)
    waits = [backoff(attempts).total_seconds() for _ in range(200)]
    assert all(0 <= wait <= most for wait in waits)
    assert max(waits) > most / 2, "the jitter is full"


def test_a_wait_is_no_shorter_than_it_was_asked_to_be() -> None:
    waits = [backoff(1, at_least=30.0).total_seconds() for _ in range(20)]
    assert all(30.0 <= wait <= 30.0 + 2 * BACKOFF_SECONDS for wait in waits)
