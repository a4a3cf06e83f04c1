"""The generator that quotes: no model is asked, so that it answers also where none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.models.gateway import Deadline
from apps.retrieval.answers.extractive.asked import Asked, asked_of, languages_of
from apps.retrieval.answers.extractive.choosing import units_chosen
from apps.retrieval.answers.extractive.features import features_of
from apps.retrieval.answers.extractive.scoring import scorer
from apps.retrieval.answers.extractive.units import Unit, units_of
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
        units = units_of(material.passages, material.heads)
        languages = languages_of(material.passages)
        asked = question_asked(material, languages)
        return quoted_pieces(_answering(asked, units), asked, languages)


def question_asked(material: Material, languages: Mapping[int, str]) -> Asked:
    """What the question asks, by the words of passages in these languages."""
    return asked_of(
        material.question, statistics=material.statistics, languages=list(dict.fromkeys(languages.values()))
    )


def quoted_pieces(chosen: Sequence[tuple[Unit, float]], asked: Asked, languages: Mapping[int, str]) -> WrittenPieces:
    """The units as a person would send them, in the order given: each a statement with its own quotation and score."""
    for place, (unit, score) in enumerate(chosen, start=1):
        text = worded(unit, terms=asked.terms, language=languages[unit.passage.chunk_id])
        if place < len(chosen):
            text = ended(text)
        yield TextDelta(f" {text}" if place > 1 else text)
        yield Statement(text, (_quoted(unit, score),), JUDGED_QUOTED)


def _answering(asked: Asked, units: list[Unit]) -> list[tuple[Unit, float]]:
    """The units that answer, best first; none where the question has no word that tells."""
    if not asked.weights:
        return []
    features, learned = features_of(asked, units), scorer()
    scores = learned.unit_scores(features, asked.kind)
    answers = learned.answer_score(features, scores) >= learned.least
    return units_chosen(units, scores) if answers else []


def _quoted(unit: Unit, score: float) -> Quotation:
    passage = unit.passage
    return Quotation(passage, passage.start + unit.start, passage.start + unit.end, unit.text, round(score, 6))
