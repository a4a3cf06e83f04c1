"""The generator that quotes: no model is asked, so that it answers also where none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.models.gateway import Deadline
from apps.retrieval.answers.extractive.asked import Asked, languages_of
from apps.retrieval.answers.extractive.choosing import units_chosen
from apps.retrieval.answers.extractive.finding import question_asked, units_found
from apps.retrieval.answers.extractive.scoring import scorer
from apps.retrieval.answers.extractive.units import Unit
from apps.retrieval.answers.extractive.wording import ended, worded
from apps.retrieval.answers.types import (
    Judgement,
    Material,
    Quotation,
    Statement,
    TextDelta,
    Verdict,
    WrittenPieces,
)
from apps.retrieval.search.degradation import SIMPLER

JUDGED_QUOTED = Judgement(Verdict.SUPPORTED)
"""Of what is the document's own."""


class ExtractiveGenerator:
    """Answers with up to three sentences or rows of the passages, each its own quotation, and with none where the checker says
    that they are no answer.
    """

    name = "extractive"
    instead = SIMPLER

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        languages = languages_of(material.passages)
        asked = question_asked(material, languages)
        return quoted_pieces(_answering(material, asked, languages), asked, languages)


def quoted_pieces(chosen: Sequence[tuple[Unit, float]], asked: Asked, languages: Mapping[int, str]) -> WrittenPieces:
    """The units as a person would send them, in the order given: each a statement with its own quotation and score."""
    said: dict[str, tuple[Unit, float]] = {}
    for unit, score in chosen:
        said.setdefault(worded(unit, terms=asked.sought, language=languages[unit.passage.chunk_id]), (unit, score))
    for place, (text, (unit, score)) in enumerate(said.items(), start=1):
        whole = ended(text) if place < len(said) else text
        yield TextDelta(f" {whole}" if place > 1 else whole)
        yield Statement(whole, _quotations(unit, score), JUDGED_QUOTED)


def _answering(material: Material, asked: Asked, languages: Mapping[int, str]) -> list[tuple[Unit, float]]:
    """The units that answer, best first."""
    found = units_found(material, asked, languages)
    return units_chosen(found.units, found.scores) if found.score >= scorer().least else []


def _quotations(unit: Unit, score: float) -> tuple[Quotation, ...]:
    """The unit; of a row also what it has in common with the rows beside it, and the head of its table."""
    passage = unit.passage
    lines = [unit.table.group, unit.table.names] if unit.table else []
    spans = [(passage.start + unit.start, unit.text), *((one.start, one.text) for one in lines if one)]
    return tuple(Quotation(passage, start, start + len(text), text, round(score, 6)) for start, text in spans)
