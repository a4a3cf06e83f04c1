"""What a language model said before, of the same documents, where none answers now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.models.gateway import Deadline
from apps.retrieval.answers.types import (
    Judgement,
    Material,
    Provenance,
    Quotation,
    Statement,
    TextDelta,
    WrittenPieces,
)
from apps.retrieval.search.passages import Passage
from ragsite.core.errors import PermanentError


class StandInUnfitError(PermanentError):
    """The kept answer quotes what was not found this time; seen in `degraded`."""

    code = "stand_in_unfit"


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """What a kept statement rests on."""

    version_id: UUID
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A statement of a kept answer."""

    text: str
    judgement: Judgement
    spans: tuple[KeptSpan, ...]


class KeptGenerator:
    """Says what was said `age_seconds` ago, as far as the passages are there that it was taken from."""

    name = "cache"

    def __init__(self, statements: Sequence[KeptStatement], *, age_seconds: int, model: str, prompt: str) -> None:
        self._statements = tuple(statements)
        self._by = Provenance(model=model, prompt=prompt)
        self.instead = f"No language model answered, so an answer stands in that one wrote {age_seconds} seconds ago."

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        statements = [self._statement(one, material.passages) for one in self._statements]
        for place, one in enumerate(statements):
            yield TextDelta(f" {one.text}" if place else one.text)
            yield one
        yield self._by

    def _statement(self, kept: KeptStatement, passages: Sequence[Passage]) -> Statement:
        spans = tuple(_quoted(one, passages) for one in kept.spans)
        return Statement(kept.text, spans, kept.judgement)


def _quoted(span: KeptSpan, passages: Sequence[Passage]) -> Quotation:
    for one in passages:
        if one.version_id == span.version_id and one.start <= span.start and span.end <= one.end:
            return Quotation(one, span.start, span.end, span.quote, span.score)
    raise StandInUnfitError("A kept answer quotes a passage that was not found this time.")
