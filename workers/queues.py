"""Queues, what may run them, and within which limits: one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings


class Queue(StrEnum):
    PARSING = "parsing"
    CHUNKING = "chunking"
    EMBEDDING = "embedding"
    RETRIEVAL = "retrieval"
    GENERATION = "generation"
    EVENTS = "events"
    MAINTENANCE = "maintenance"


class Pool(StrEnum):
    """How a worker runs tasks. Only prefork can end a task that does not end by itself."""

    PREFORK = "prefork"
    THREADS = "threads"


@dataclass(frozen=True, slots=True)
class Limits:
    """`soft` and `hard` are seconds one task may take; None where the engine keeps each call's deadline itself."""

    pool: Pool
    soft: int | None = None
    hard: int | None = None


TURN_SECONDS = 2.0
"""How long one task takes claim after claim. The last one begins within it, so the limits reckon with it."""

SMALL_FIRST_SECONDS = 1
"""How long the small files of a claim may be parsed before a large one begins; see `lifecycle/parsing.py`."""

_PARSING = settings.RAGSITE_PARSER_SECONDS + int(TURN_SECONDS) + SMALL_FIRST_SECONDS

LIMITS: dict[Queue, Limits] = {
    Queue.PARSING: Limits(Pool.PREFORK, _PARSING, _PARSING + 10),
    Queue.CHUNKING: Limits(Pool.PREFORK, 270, 300),
    Queue.EMBEDDING: Limits(Pool.THREADS),
    Queue.RETRIEVAL: Limits(Pool.THREADS),
    Queue.GENERATION: Limits(Pool.THREADS),
    Queue.EVENTS: Limits(Pool.PREFORK, 270, 300),
    Queue.MAINTENANCE: Limits(Pool.PREFORK, 270, 300),
}
