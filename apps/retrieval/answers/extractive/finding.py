"""Which units of the passages answer a question, and how sure that is: rows of tables by what they are called, all else by what
was learned. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.asked import Asked, asked_of, years_whole
from apps.retrieval.answers.extractive.features import FEATURES, features_of
from apps.retrieval.answers.extractive.rows import Setting, row_scores
from apps.retrieval.answers.extractive.scoring import Vector, scorer
from apps.retrieval.answers.extractive.units import MOST_PASSAGES, Unit, UnitKind, units_of
from apps.retrieval.answers.types import Material
from apps.retrieval.search.naming import asked_words, names_compared


@dataclass(frozen=True, slots=True)
class Found:
    """Units, how well each answers, and how likely it is that the best of them is an answer; it is one from `scorer().least` on.
    `coverage` is the share of the weight of the question's words that the best one has, with what stands around it.
    """

    units: Sequence[Unit]
    scores: Vector
    score: float
    coverage: float


NOTHING_FOUND = Found((), np.empty(0), 0.0, 0.0)


def question_asked(material: Material, languages: Mapping[int, str]) -> Asked:
    """What the question asks, by the words of passages in these languages."""
    return asked_of(
        material.question, statistics=material.statistics, languages=list(dict.fromkeys(languages.values()))
    )


def units_found(material: Material, asked: Asked, languages: Mapping[int, str]) -> Found:
    """The rows that answer, or what is not in a table where it has more of the question, unless a number is asked for; nothing
    where the question has no word that tells.
    """
    if not asked.weights:
        return NOTHING_FOUND
    units = units_of(material.passages, material.heads)
    said, is_row_best = _said_found(asked, [one for one in units if one.rank < MOST_PASSAGES])
    rows = _rows_found(material, [one for one in units if one.kind is UnitKind.ROW], languages)
    says_more = said.score >= scorer().least and said.coverage > rows.coverage
    if rows.score and (asked.kind is AnswerType.NUMBER or not says_more):
        return rows
    return NOTHING_FOUND if is_row_best and not rows.score else said


def _rows_found(material: Material, rows: Sequence[Unit], languages: Mapping[int, str]) -> Found:
    if not rows:
        return NOTHING_FOUND
    asked = question_asked(replace(material, question=years_whole(material.question)), languages)
    scored = row_scores(asked, rows, _setting(material, languages))
    best = max(scored)
    return Found(rows, np.array([one.score for one in scored]), float(best.score > 0), best.coverage)


def _said_found(asked: Asked, units: Sequence[Unit]) -> tuple[Found, bool]:
    """What is no row; and whether a row would be the best by what was learned, which has not seen any: then it is no answer to
    say something else.
    """
    features, learned = features_of(asked, units), scorer()
    scores = learned.unit_scores(features, asked.kind)
    said = np.array([one.kind is not UnitKind.ROW for one in units], dtype=bool)
    if not said.any():
        return NOTHING_FOUND, bool(units)
    answering = [one for one, is_said in zip(units, said, strict=True) if is_said]
    best = features[said][np.argmax(scores[said])]
    score = learned.answer_score(features[said], scores[said])
    found = Found(answering, scores[said], score, float(best[FEATURES.index("met_near")]))
    return found, not said[np.argmax(scores)]


def _setting(material: Material, languages: Mapping[int, str]) -> Setting:
    titles = {one.document_id: one.document_title for one in material.passages}
    named = names_compared(asked_words(material.question, material.statistics), titles)
    return Setting(languages, {document: one.words for document, one in named.items()})
