"""What a run of the benchmark measures."""

from __future__ import annotations

from dataclasses import dataclass

from apps.models.engine.settings import Precision

PARTS = ("pipeline", "growth", "llamaindex", "engine", "storage", "updating")


@dataclass(frozen=True, slots=True)
class Options:
    """On how many documents, how often, which parts, and what the engine by itself computes in."""

    documents: int
    rounds: int
    parts: frozenset[str]
    precision: Precision = Precision.AUTO
