"""What happens in retrieval, published to the outside. Fields only."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from ragsite.core.events import Event, event


@event("vector.indexed", key="document_id", is_act=False)
class VectorIndexed(Event):
    """All chunks of a version are embedded and searchable. None is told of a version that something newer overtook before: if the
    document goes back to it, that is `document.updated`.
    """

    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    generation_id: int
    chunks: int
    waited_milliseconds: dict[str, float] = field(default_factory=dict)
    """Of each stage, by its name: from the end of the one before it until a worker began with it."""
    worked_milliseconds: dict[str, float] = field(default_factory=dict)
    """Of each stage: how long its last start took."""


@event("vector.updated", key="knowledge_base_id")
class VectorUpdated(Event):
    """A knowledge base switched to another generation, by a re-index or a roll-back."""

    knowledge_base_id: UUID
    generation_id: int
    previous_generation_id: int
    model: str
    chunking: dict[str, str | int]
    is_rollback: bool


@event("vector.deleted", key="knowledge_base_id")
class VectorDeleted(Event):
    """A generation was dropped with its vectors."""

    knowledge_base_id: UUID
    generation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDegraded:
    """A step that could not be done, and what was done instead, as in the API."""

    step: str
    code: str
    detail: str
    knowledge_bases: tuple[UUID, ...]


@event("query.processed", key="query_id")
class QueryProcessed(Event):
    """A question was answered, or no answer was found."""

    query_id: UUID
    found: bool
    generator: str
    passages: int
    citations: int
    milliseconds: dict[str, float]
    """How long each step took."""
    degraded: tuple[StepDegraded, ...]
    """Empty as a rule."""


@event("retrieval.completed", key="query_id", is_act=False)
class RetrievalCompleted(Event):
    """A question was searched for: before its answer was written, or for somebody who is shown the passages; the second is a
    sample, and may be lost. None is told of an answer that was given again.
    """

    query_id: UUID
    knowledge_bases: tuple[UUID, ...]
    mode: str
    """`hybrid`, `dense` or `lexical`."""
    passages: int
    candidates: dict[str, int]
    """How many chunks each step left."""
    best_score: float | None
    """Of the best passage, by which passages are ordered; null where none was found."""
    milliseconds: dict[str, float]
    """How long each step of the search took."""
    for_answer: bool = True
    """Whether an answer was written from it. If not, the query is kept nowhere, and `query_id` names this search alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedSpan:
    """Characters of a document version that a statement rests on."""

    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    start: int
    end: int


@event("generation.completed", key="query_id", is_act=False)
class GenerationCompleted(Event):
    """An answer was written, or given again from the cache."""

    query_id: UUID
    answer_id: UUID
    knowledge_bases: tuple[UUID, ...]
    """Those that the question was asked of."""
    found: bool
    generator: str
    model: str
    prompt: str
    """The version of what the model was told."""
    tokens_read: int
    tokens_written: int
    statements: int
    """Of those that were written, shown or not."""
    supported: int
    """Of these, those that a document bears out."""
    cited: tuple[CitedSpan, ...]
    from_cache: bool
    """Whether it was given again; then no model was asked."""


@event("erasure.done", key=("document_id", "erasure_id"))
class ErasureDone(Event):
    """All traces of a document, a user or the whole tenant were erased: who keeps something of it deletes it."""

    erasure_id: UUID
    subject: str
    """`document`, `user` or `tenant`."""
    document_id: UUID | None
    user_id: int | None


@event("answer.rated", key="answer_id")
class AnswerRated(Event):
    """Who asked said what the answer is worth, or took that back."""

    answer_id: UUID
    query_id: UUID
    rating: str | None
    """`up` or `down`; null once it was taken back."""
    has_comment: bool
