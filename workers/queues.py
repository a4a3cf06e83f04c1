"""Queues, and what may run them."""

from __future__ import annotations

from enum import StrEnum


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


POOLS: dict[Queue, Pool] = {
    Queue.PARSING: Pool.PREFORK,
    Queue.CHUNKING: Pool.PREFORK,
    Queue.EMBEDDING: Pool.THREADS,
    Queue.RETRIEVAL: Pool.THREADS,
    Queue.GENERATION: Pool.THREADS,
    Queue.EVENTS: Pool.PREFORK,
    Queue.MAINTENANCE: Pool.PREFORK,
}
