"""Counts the searches that a request makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from apps.retrieval.search import legs


@contextmanager
def searches() -> Iterator[dict[str, int]]:
    """How often each leg has searched when the block is left."""
    counted: dict[str, int] = {}
    with (
        patch.object(legs, "dense_search", wraps=legs.dense_search) as dense,
        patch.object(legs, "lexical_search", wraps=legs.lexical_search) as lexical,
    ):
        yield counted
    counted.update(dense=dense.call_count, lexical=lexical.call_count)
