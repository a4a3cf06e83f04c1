"""What a generator is given, and the pieces that it gives."""

from __future__ import annotations

from collections.abc import Generator as Iteration
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from apps.models.gateway import Deadline
from apps.retrieval.answers.around import Around
from apps.retrieval.answers.tables import Heads, TableHeads
from apps.retrieval.index.lexical.reading import NO_STATISTICS, TermStatistics
from apps.retrieval.search.degradation import Degradation
from apps.retrieval.search.passages import Passage
from ragsite.core.errors import RagError
from ragsite.core.timelines import Mark


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


class Verdict(StrEnum):
    """Whether a statement's quotations bear it out."""

    SUPPORTED = "supported"
    WEAK = "weak"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"


SHOWN = frozenset({Verdict.SUPPORTED, Verdict.WEAK})
"""The verdicts of statements that belong to an answer; all others are told beside it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and how sure the checker is of it, 0 to 1."""

    verdict: Verdict
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of an answer, what it rests on, and what the checker thinks of it; its text has come before, in deltas."""

    text: str
    quotations: tuple[Quotation, ...]
    judgement: Judgement

    @property
    def is_shown(self) -> bool:
        """Whether it belongs to the answer."""
        return bool(self.quotations) and self.judgement.verdict in SHOWN


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which model wrote a text, by the prompt of which version, and how many tokens it read and wrote; comes once, after the
    text. All is empty where no language model wrote.
    """

    model: str = ""
    prompt: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def usage(self) -> dict[str, int]:
        """The tokens, as JSON; empty where none are counted."""
        if not (self.prompt_tokens or self.completion_tokens):
            return {}
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}


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
    provenance: Provenance = Provenance()
    marks: tuple[Mark, ...] = ()


WrittenPiece: TypeAlias = TextDelta | Statement | Provenance
"""What a generator yields; its callers add the rest."""

Piece: TypeAlias = TextDelta | Statement | Withdrawal | DraftEnd
WrittenPieces: TypeAlias = Iteration[WrittenPiece, None, None]
Pieces: TypeAlias = Iteration[Piece, None, None]
"""Pieces that are made as they are taken; `close()` ends the writing."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before its citations are checked: what counts of its pieces."""

    statements: tuple[Statement, ...]
    end: DraftEnd

    @property
    def shown(self) -> tuple[Statement, ...]:
        """The statements that belong to the answer; none means: not found."""
        return tuple(one for one in self.statements if one.is_shown)


@dataclass(frozen=True, slots=True)
class Material:
    """What an answer is made from: the question, and the passages that may hold the answer, best first.

    `statistics` says how rare each term of the question is, `heads` of passages that begin within a table its head.
    Who writes and has a budget of its own is given what is `readable`, and what stands `around` it.
    """

    question: str
    passages: tuple[Passage, ...]
    statistics: TermStatistics = NO_STATISTICS
    heads: TableHeads = field(default_factory=dict)
    readable: tuple[Passage, ...] = ()
    around: Around = field(default_factory=dict)

    @property
    def column_names(self) -> Heads:
        """Of passages that begin within a table."""
        return {chunk_id: head.cells for chunk_id, head in self.heads.items()}


class Generator(Protocol):
    """Writes an answer from passages, piece by piece.

    The deltas together are the text. A statement follows the deltas that brought its text, so that a reader sees
    the text grow and its sources join it. Nothing is computed before it is asked for, and `close()` stops it: a reader who
    has left costs nothing more.
    """

    name: str
    instead: str
    """What is told where it answers because the one before it could not."""

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """The pieces of an answer; none where the passages do not hold it.

        Raises:
            RagError: it can't answer, which may show after some pieces only; another generator may.
        """
        ...
