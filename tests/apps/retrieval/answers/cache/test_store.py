"""Where answers are kept."""

from __future__ import annotations

from apps.retrieval.answers.cache.store import ProcessLevel


def test_a_process_keeps_no_more_than_it_may() -> None:
    level = ProcessLevel()
    for key in "abc":
        level.put(key, b"1234", most=8)
    assert [level.get(key) for key in "abc"] == [None, b"1234", b"1234"]
    level.put("d", b"123456789", most=8)
    assert [level.get(key) for key in "abcd"] == [None] * 4
