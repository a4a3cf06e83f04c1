"""What a search or an answer had to do without, and why: returned with the result and kept with the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from ragsite.core.errors import RagError


class DegradedStep(StrEnum):
    """A step of the read path that has a substitute."""

    REWRITE = "rewrite"
    EMBED = "embed"
    DENSE = "dense"
    RERANK = "rerank"
    GENERATE = "generate"


BY_WORDS = "The query could not be embedded, so only its words were searched for."
UNSEARCHED = "The query could not be embedded, so nothing was searched for in these knowledge bases."
BY_SMALLER = (
    "The query could not be embedded by the model of the index, so a smaller model's index was searched, which may not have what "
    "was added within the last minute."
)
BY_POSTGRESQL = "The vector store did not answer, so the vectors in PostgreSQL were compared, which takes longer."
STORELESS_WORDS = (
    "The vector store did not answer, and there are too many vectors to compare, so only words were searched for."
)
STORELESS = (
    "The vector store did not answer, and there are too many vectors to compare, so nothing was searched for there."
)
UNRERANKED = "The passages could not be reranked, so they are in the order of the search."
SMALLER = "The reranker did not answer, so a smaller one put the passages into order."
UNREWRITTEN = "A language model could not say what the question means in its conversation, so a plain rule did."
SIMPLER = "A generator could not answer, so a simpler one did."


@dataclass(frozen=True, slots=True)
class Degradation:
    """A step that could not be done, why, and what was done instead; where knowledge bases are named, for these alone."""

    step: DegradedStep
    error: RagError
    knowledge_base_ids: tuple[UUID, ...] = ()
    instead: str = BY_WORDS

    @property
    def detail(self) -> str:
        """What was done instead, what went wrong and what to do about it, in words."""
        return f"{self.instead} {self.error.sentence}"

    def record(self) -> dict[str, Any]:
        """As it is returned over HTTP and kept with an answer."""
        return {
            "step": self.step.value,
            "code": self.error.error_code,
            "detail": self.detail,
            "knowledge_bases": [str(pk) for pk in self.knowledge_base_ids],
        }
