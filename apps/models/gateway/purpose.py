"""What a model call is for, which decides who runs it and how soon."""

from __future__ import annotations

import enum

from apps.models.priority import Priority


class Purpose(enum.Enum):
    """The reason for a call: indexing documents, finding passages, or writing and checking an answer."""

    INDEX = "index"
    QUERY = "query"
    ANSWER = "answer"

    @property
    def queue(self) -> str:
        """The Celery queue whose workers do it."""
        return _QUEUES[self]

    @property
    def priority(self) -> Priority:
        """Indexing is bulk work; for the others a person waits."""
        return Priority.BULK if self is Purpose.INDEX else Priority.INTERACTIVE


_QUEUES = {Purpose.INDEX: "embedding", Purpose.QUERY: "retrieval", Purpose.ANSWER: "generation"}
