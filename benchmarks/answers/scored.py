"""What the product's checker thinks of a question, also where it refuses: the steps of ExtractiveGenerator up to its verdict."""

from __future__ import annotations

from apps.retrieval.answers.extractive.asked import languages_of
from apps.retrieval.answers.extractive.finding import question_asked, units_found
from apps.retrieval.answers.types import Material


def answer_score(material: Material) -> float:
    """How likely the passages answer the question; the generator answers from `scorer().least` on."""
    languages = languages_of(material.passages)
    return units_found(material, question_asked(material, languages), languages).score
