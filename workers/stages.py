"""How a document flows: the stages a version passes, in order, as one table.

    upload ──> parse ──> chunk ──> embed ──> activate ──> READY

An upload writes a version as UPLOADED. Each stage claims versions in the state it starts from, and its service moves them
to the next in the transaction that writes its result. A service is named by its path, because only the worker that runs
it may import what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.models import VersionStatus
from workers.queues import Queue


@dataclass(frozen=True, slots=True)
class Stage:
    """`claims` is how many versions one start takes; `retry_from` where a version that failed here is taken up again."""

    name: str
    queue: Queue
    service: str
    before: VersionStatus
    after: VersionStatus
    retry_from: VersionStatus
    claims: int


S = VersionStatus
INDEXING = "apps.retrieval.index.indexing"

STAGES: tuple[Stage, ...] = (
    Stage(PARSE, Queue.PARSING, "apps.documents.lifecycle.parsing.versions_parse", S.UPLOADED, S.PARSED, S.UPLOADED, 8),
    Stage(CHUNK, Queue.CHUNKING, f"{INDEXING}.versions_chunk", S.PARSED, S.CHUNKED, S.PARSED, 16),
    Stage(EMBED, Queue.EMBEDDING, f"{INDEXING}.versions_embed", S.CHUNKED, S.EMBEDDED, S.PARSED, 32),
    Stage(ACTIVATE, Queue.MAINTENANCE, f"{INDEXING}.versions_activate", S.EMBEDDED, S.READY, S.PARSED, 32),
)


def stage_named(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)
