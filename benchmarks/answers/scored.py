"""What the product's checker thinks of a question, also where it refuses: the steps of ExtractiveGenerator up to its verdict."""

from __future__ import annotations

from apps.retrieval.answers.extractive.asked import asked_of, languages_of
from apps.retrieval.answers.extractive.features import features_of
from apps.retrieval.answers.extractive.scoring import scorer
from apps.retrieval.answers.extractive.units import units_of
from apps.retrieval.answers.types import Material


def answer_score(material: Material) -> float:
    """How likely the passages answer the question; the generator answers from `scorer().least` on."""
    units = units_of(material.passages, material.heads)
    languages = list(dict.fromkeys(languages_of(material.passages).values()))
    asked = asked_of(material.question, statistics=material.statistics, languages=languages)
    features = features_of(asked, units)
    return scorer().answer_score(features, scorer().unit_scores(features, asked.kind))
