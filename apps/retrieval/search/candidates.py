"""How many candidates a scan of an HNSW index holds (`hnsw.ef_search`), by how many vectors it has to choose from."""

from __future__ import annotations

LEAST, MOST = 200, 1_000
"""Fewer save hardly any time; pgvector holds no more."""

STEP = 50
"""Numbers are rounded up to it: some stand in statements, which are kept prepared word by word."""


def candidates_for(vectors: int, *, quantised: bool = False) -> int:
    """The candidates that a search of so many vectors needs to find 97 in 100 of the ten nearest."""
    del quantised
    wanted = LEAST * max(1.0, vectors / 100_000)
    return min(MOST, -(-int(wanted) // STEP) * STEP)
