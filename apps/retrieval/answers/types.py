"""What a generator is given, and the pieces that it gives."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from apps.models.gateway import Deadline
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.degradation import Degradation
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question
from ragsite.core.errors import RagError


@dataclass(frozen=True, slots=True)
class Quotation:
    """A span of a passage's version that a statement rests on; `start` and `end` are characters in the parsed text."""

    passage: Passage
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the text, for those who read along."""

    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an answer and what it rests on; its text has come before, in deltas.

    `supported` says whether its quotations bear it out.
    """

    text: str
    quotations: tuple[Quotation, ...]
    supported: bool


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A generator gave up: what has come so far does not count, and another one starts over."""

    generator: str
    error: RagError


@dataclass(frozen=True, slots=True)
class DraftEnd:
    """The last piece: which generator answered, from how many passages, in what time, and which ones gave up before it."""

    generator: str
    passages: int = 0
    degraded: tuple[Degradation, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)


WrittenPiece: TypeAlias = TextDelta | Statement
"""What a generator yields; its callers add the rest."""

Piece: TypeAlias = WrittenPiece | Withdrawal | DraftEnd
WrittenPieces: TypeAlias = Iteration[WrittenPiece, None, None]
Pieces: TypeAlias = Iteration[Piece, None, None]
"""Pieces that are made as they are taken; `close()` ends the writing."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before its citations are checked: what counts of its pieces. No statements means: not found."""

    statements: tuple[Statement, ...]
    end: DraftEnd


@dataclass(frozen=True, slots=True)
class Material:
    """What an answer is made from: the question, and the passages that may hold the answer, best first.

    `embedded` is the question with its vector by each model of the `generations` that were searched, where it was embedded.
    `unembedded` is why it could not be: then no model need be asked for that again.
    """

    question: str
    passages: tuple[Passage, ...]
    embedded: tuple[Question, ...] = ()
    generations: Sequence[IndexGeneration] = ()
    unembedded: RagError | None = None


class Generator(Protocol):
    """Writes an answer from passages, piece by piece.

    The deltas together are the text. A statement follows the deltas that brought its text, so that a reader sees
    the text grow and its sources join it. Nothing is computed before it is asked for, and `close()` stops it: a reader who
    has left costs nothing more.
    """

    name: str

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """The pieces of an answer; none where the passages do not hold it.

        Raises:
            RagError: it can't answer, which may show after some pieces only; another generator may.
        """
        ...
