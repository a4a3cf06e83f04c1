"""The events of an answer that is streamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ragsite_client.errors import ProblemError, problem_error
from ragsite_client.reading import made
from ragsite_client.types import Answer, Citation, Degradation, Indexing, Passage, Problem

FAILED = "response.failed"


@dataclass(frozen=True, slots=True)
class AnswerCreated:
    """The first; the answer can be looked up by its id once it is complete."""

    id: str
    question: str


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """What was found for the question, best first."""

    passages: tuple[Passage, ...]
    degraded: tuple[Degradation, ...] = ()
    indexing: Indexing | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the text: the sentence of number `claim`, with the blank before it."""

    claim: int
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """What that sentence rests on, and whether it bears it out."""

    citation: Citation
    verdict: str
    confidence: float


@dataclass(frozen=True, slots=True)
class TextWithdrawn:
    """The text and the citations so far do not count: forget them, others follow."""

    generator: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class AnswerCompleted:
    """The last: the whole answer."""

    answer: Answer


AnswerEvent: TypeAlias = AnswerCreated | PassagesFound | TextDelta | Cited | TextWithdrawn | AnswerCompleted


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event as it came over the line, by its number from 1."""

    number: int
    name: str
    data: Mapping[str, Any]

    @property
    def failure(self) -> ProblemError | None:
        """Why there is no answer, if this says so."""
        return problem_error(made(Problem, self.data)) if self.name == FAILED else None

    def typed(self) -> AnswerEvent | None:
        """None for an event that this client does not know."""
        read = _READ.get(self.name)
        return read(self.data) if read else None


_READ: Mapping[str, Callable[[Mapping[str, Any]], AnswerEvent]] = {
    "response.created": lambda data: made(AnswerCreated, data),
    "response.retrieval.completed": lambda data: made(PassagesFound, data),
    "response.output_text.delta": lambda data: made(TextDelta, data),
    "response.output_text.annotation.added": lambda data: made(Cited, {**data, "citation": data}),
    "response.output_text.withdrawn": lambda data: made(TextWithdrawn, data),
    "response.completed": lambda data: AnswerCompleted(made(Answer, data)),
}


class EventReader:
    """Reads events from the lines of a stream; one that was cut off is left out, as are comments."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def event_of(self, line: str) -> SentEvent | None:
        """The event that this line ends, if it ends one."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        return SentEvent(int(fields["id"]), fields["event"], json.loads(fields["data"])) if "data" in fields else None
