"""How what scores sentences is learned from questions and paragraphs, and how well it does on articles that it has not seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from apps.retrieval.answers.extractive.asked import AnswerType, asked_of, languages_of
from apps.retrieval.answers.extractive.features import FEATURES, features_of
from apps.retrieval.answers.extractive.scoring import (
    ANSWER_INPUTS,
    UNIT_INPUTS,
    Logistic,
    answer_inputs,
    unit_inputs,
)
from apps.retrieval.answers.extractive.units import MOST_PASSAGES, units_of
from benchmarks.answers.searched import LANGUAGE, Paragraphs
from benchmarks.answers.squad import AskedOf, Squad, halves

PARTS = 5
ANSWERED = 0.95
"""Of the answerable questions, the share that the threshold lets through."""

Inputs = NDArray[np.float64]


class Case(StrEnum):
    """What is asked, and of what."""

    ANSWERABLE = "answerable"
    IMPOSSIBLE = "impossible"
    OFF_TOPIC = "off topic"
    ON_TOPIC = "on topic"  # answerable from the half that is indexed; not learned from


WEIGHTS = {Case.ANSWERABLE: 1.0, Case.IMPOSSIBLE: 2.0, Case.OFF_TOPIC: 0.5}


@dataclass(frozen=True, slots=True)
class Example:
    """The units found for a question: their features (n, d), and which are right (n,)."""

    case: Case
    article: str
    question: AskedOf
    kind: AnswerType
    features: Inputs
    right: NDArray[np.bool_]


def examples(squad: Squad, texts: Inputs, questions: Inputs) -> Iterator[Example]:
    """All of them; `texts` and `questions` are unit vectors."""
    paragraphs = Paragraphs(squad.paragraphs, texts.astype(np.float32))
    half = halves(one.article for one in squad.paragraphs)
    everything = np.ones(len(squad.paragraphs), dtype=bool)
    some = np.array([one.article in half for one in squad.paragraphs])
    for question, vector in zip(squad.questions, questions, strict=True):
        own = Case.ANSWERABLE if question.answers else Case.IMPOSSIBLE
        yield _example(squad, paragraphs, question, vector, everything, own)
        if question.answers:
            other = Case.ON_TOPIC if squad.article_of(question) in half else Case.OFF_TOPIC
            yield _example(squad, paragraphs, question, vector, some, other)


def _example(
    squad: Squad, paragraphs: Paragraphs, question: AskedOf, vector: Inputs, indexed: NDArray[np.bool_], case: Case
) -> Example:
    found = paragraphs.find(question.text, vector.astype(np.float32), indexed, MOST_PASSAGES)
    units = units_of(found.passages)
    languages = list(dict.fromkeys(languages_of(found.passages).values())) or [LANGUAGE]
    asked = asked_of(question.text, statistics=found.statistics, languages=languages)
    right = [unit.passage.chunk_id == question.paragraph and question.is_answered_by(unit.text) for unit in units]
    return Example(
        case, squad.article_of(question), question, asked.kind, features_of(asked, units), np.array(right, dtype=bool)
    )


@dataclass(frozen=True, slots=True)
class Learned:
    unit: Logistic
    answer: Logistic

    def scores(self, one: Example) -> Inputs:
        return self.unit.probability(unit_inputs(one.features, one.kind))

    def score(self, one: Example) -> float:
        """That there is an answer."""
        if not len(one.features):
            return 0.0
        return float(self.answer.probability(answer_inputs(one.features, self.scores(one), one.kind)))


def learned_from(seen: Sequence[Example]) -> Learned:
    """Both regressions. Now and then nearness or words are forgotten, as where a model does not answer."""
    random = np.random.default_rng(3)
    answerable = [one for one in seen if one.case is Case.ANSWERABLE and len(one.features)]
    rows = [unit_inputs(_forgetting(one.features, random), one.kind) for one in answerable]
    unit = fitted(np.vstack(rows), np.concatenate([one.right for one in answerable]), None)
    inputs, weights, labels = [], [], []
    for one in seen:
        if one.case in WEIGHTS and len(one.features):
            features = _forgetting(one.features, random)
            inputs.append(answer_inputs(features, unit.probability(unit_inputs(features, one.kind)), one.kind))
            weights.append(WEIGHTS[one.case])
            labels.append(one.case is Case.ANSWERABLE)
    return Learned(unit, fitted(np.array(inputs), np.array(labels), np.array(weights)))


def fitted(inputs: Inputs, labels: NDArray[np.bool_], weights: Inputs | None, *, decay: float = 3.0) -> Logistic:
    """A logistic regression with `decay` on the squares of its standardised coefficients, by L-BFGS."""
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread[spread < 1e-9] = 1.0
    standard = np.hstack([(inputs - mean) / spread, np.ones((len(inputs), 1))])
    signs = np.where(labels, 1.0, -1.0)
    weighed = np.ones(len(labels)) if weights is None else weights

    def loss(at: Inputs) -> tuple[float, Inputs]:
        margins = signs * (standard @ at)
        penalty = at.copy()
        penalty[-1] = 0.0
        slopes = -signs * weighed / (1 + np.exp(np.clip(margins, -500, 500)))
        value = float(weighed @ np.logaddexp(0, -margins)) + decay / 2 * float(penalty @ penalty)
        return value, standard.T @ slopes + decay * penalty

    found = minimize(loss, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 3_000}).x
    coefficients = found[:-1] / spread
    return Logistic(coefficients, float(found[-1] - coefficients @ mean))


def _forgetting(features: Inputs, random: np.random.Generator) -> Inputs:
    chance = random.random()
    if chance >= 0.15 or not len(features):
        return features
    forgetful = features.copy()
    if chance < 0.1:
        forgetful[:, FEATURES.index("nearness")] = 0.0
        forgetful[:, FEATURES.index("nearness_unknown")] = 1.0
    else:
        forgetful[:, FEATURES.index("words_share")] = 0.0
    return forgetful


def cross_validated(everything: Sequence[Example]) -> dict[str, float]:
    """Of articles that were not learned from."""
    articles = sorted({one.article for one in everything})
    scores: dict[Case, list[float]] = {case: [] for case in Case}
    first = []
    for part in range(PARTS):
        held_out = set(articles[part::PARTS])
        learned = learned_from([one for one in everything if one.article not in held_out])
        for one in everything:
            if one.article not in held_out:
                continue
            scores[one.case].append(learned.score(one))
            if one.case is Case.ANSWERABLE and len(one.features):
                first.append(one.right[np.argsort(-learned.scores(one))[:2]].any())
    answerable, on_topic = np.array(scores[Case.ANSWERABLE]), np.array(scores[Case.ON_TOPIC])
    return {
        "right_in_two": round(float(np.mean(first)), 4),
        "refused_impossible_at_0.92": _refused(scores[Case.IMPOSSIBLE], answerable, 0.92),
        "refused_off_topic_at_0.95": _refused(scores[Case.OFF_TOPIC], on_topic, 0.95),
        "threshold": round(float(np.quantile(answerable, 1 - ANSWERED)), 3),
    }


def _refused(scores: Sequence[float], of_answerable: Inputs, answered: float) -> float:
    return round(float((np.array(scores) < np.quantile(of_answerable, 1 - answered)).mean()), 4)


def written(learned: Learned, threshold: float) -> str:
    """As apps.retrieval.answers.extractive.scoring reads it."""
    told: dict[str, Any] = {
        "unit": _named(learned.unit, UNIT_INPUTS),
        "answer": _named(learned.answer, ANSWER_INPUTS),
        "least": threshold,
    }
    return json.dumps(told, indent=1) + "\n"


def _named(one: Logistic, names: Sequence[str]) -> dict[str, float]:
    numbers = dict(zip(names, one.coefficients.tolist(), strict=True)) | {"bias": one.bias}
    return {name: round(number, 4) for name, number in numbers.items()}
