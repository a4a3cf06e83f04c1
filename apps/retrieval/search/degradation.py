"""What a search or an answer had to do without, and why: told with the result and kept with the answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from ragsite.core.errors import RagError


class DegradedStep(StrEnum):
    """A step of the read path that something else can stand in for."""

    EMBED = "embed"
    RERANK = "rerank"
    GENERATE = "generate"


INSTEAD = {
    DegradedStep.EMBED: "The query could not be embedded, so that only its words were searched for.",
    DegradedStep.RERANK: "The passages could not be reranked, so that they are in the order of the search.",
    DegradedStep.GENERATE: "A generator could not answer, so that a simpler one did.",
}
"""What was done instead of each step."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """A step that could not be done and why; where knowledge bases are named, it was not done for these alone."""

    step: DegradedStep
    error: RagError
    knowledge_base_ids: tuple[UUID, ...] = ()

    @property
    def detail(self) -> str:
        """What was done instead, what went wrong and what to do about it, in words."""
        return f"{INSTEAD[self.step]} {self.error.sentence}"

    def record(self) -> dict[str, Any]:
        """As it is told over HTTP and kept with an answer."""
        told: dict[str, Any] = {"step": self.step.value, "code": self.error.error_code, "detail": self.detail}
        if self.knowledge_base_ids:
            told["knowledge_bases"] = [str(pk) for pk in self.knowledge_base_ids]
        return told
