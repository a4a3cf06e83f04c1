from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.urls import get_resolver


def views(resolver: Any) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from views(pattern)
        else:
            yield pattern.callback


def test_no_view_is_asynchronous_as_a_thread_would_wait_for_it() -> None:
    found = list(views(get_resolver()))
    assert len(found) > 50
    assert [view for view in found if iscoroutinefunction(view)] == []
