"""What a run of the benchmark measures."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("pipeline", "growth", "llamaindex", "engine", "storage", "updating")


@dataclass(frozen=True, slots=True)
class Options:
    """On how many documents, how often, and which parts."""

    documents: int
    rounds: int
    parts: frozenset[str]
