"""What a generator is given and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from apps.models.gateway import Deadline
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question


@dataclass(frozen=True, slots=True)
class Source:
    """A span of a passage's version that a claim rests on; `start` and `end` are characters in the parsed text."""

    passage: Passage
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an answer and what it rests on. `supported` says whether its sources bear it out."""

    text: str
    sources: tuple[Source, ...]
    supported: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before its citations are checked. No claims means: not found in the documents."""

    generator: str
    claims: tuple[Claim, ...]


class Generator(Protocol):
    """Writes an answer from passages."""

    name: str

    def generate(self, question: Question, passages: Sequence[Passage], *, deadline: Deadline) -> Draft: ...
