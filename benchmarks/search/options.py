"""What a run of the benchmark measures."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("api", "recall", "plain", "hybrid", "growth", "counting")


@dataclass(frozen=True, slots=True)
class Options:
    """On how many chunks and questions, how often, at which sizes the growth is followed, and which parts."""

    chunks: int
    questions: int
    rounds: int
    sizes: tuple[int, ...]
    parts: frozenset[str]
