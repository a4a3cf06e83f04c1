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

from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.asked import asked_of, languages_of
from apps.retrieval.answers.extractive.features import FEATURES, features_of
from apps.retrieval.answers.extractive.scoring import (
    ANSWER_INPUTS,
    UNIT_INPUTS,
    Logistic,
    Scorer,
    answer_inputs,
    unit_inputs,
)
from apps.retrieval.answers.extractive.units import MOST_PASSAGES, units_of
from benchmarks.answers.searched import LANGUAGE, Paragraphs
from benchmarks.answers.squad import AskedOf, Squad, halves

PARTS = 5
LEAST = 0.34
"""The p(answer) from which on there is an answer: about 0.92 of the answerable questions have one."""

SIGNS = (1, -1, -1, -1, -1, 1, 0, 1, 1)
"""Of each of ANSWER_INPUTS, whether more of it speaks for an answer (1) or against one (-1); so that nothing is learned that is
only so among many units of long paragraphs.
"""

_BOUNDS = {1: (0.0, None), -1: (None, 0.0), 0: (None, None)}

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


def learned_from(seen: Sequence[Example]) -> Scorer:
    """Both regressions. Now and then nearness or words are forgotten, as where a model does not answer, and only the first
    passages looked at, as where there are few.
    """
    random = np.random.default_rng(3)
    answerable = [one for one in seen if one.case is Case.ANSWERABLE and len(one.features)]
    rows = [unit_inputs(_forgetting(one.features, random), one.kind) for one in answerable]
    unit = fitted(np.vstack(rows), np.concatenate([one.right for one in answerable]), None)
    inputs, weights, labels = [], [], []
    for one in seen:
        if one.case in WEIGHTS and len(one.features):
            features = _forgetting(_fewer(one.features, random), random)
            inputs.append(answer_inputs(features, unit.probability(unit_inputs(features, one.kind))))
            weights.append(WEIGHTS[one.case])
            labels.append(one.case is Case.ANSWERABLE)
    return Scorer(unit, fitted(np.array(inputs), np.array(labels), np.array(weights), signs=SIGNS), least=LEAST)


def fitted(
    inputs: Inputs,
    labels: NDArray[np.bool_],
    weights: Inputs | None,
    *,
    signs: Sequence[int] = (),
    decay: float = 3.0,
) -> Logistic:
    """A logistic regression with `decay` on the squares of its standardised coefficients, by L-BFGS. Where a coefficient has a
    sign, 1 or -1, it is kept to that.
    """
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    spread[spread < 1e-9] = 1.0
    standard = np.hstack([(inputs - mean) / spread, np.ones((len(inputs), 1))])
    sides = np.where(labels, 1.0, -1.0)
    weighed = np.ones(len(labels)) if weights is None else weights

    def loss(at: Inputs) -> tuple[float, Inputs]:
        margins = sides * (standard @ at)
        penalty = at.copy()
        penalty[-1] = 0.0
        slopes = -sides * weighed / (1 + np.exp(np.clip(margins, -500, 500)))
        value = float(weighed @ np.logaddexp(0, -margins)) + decay / 2 * float(penalty @ penalty)
        return value, standard.T @ slopes + decay * penalty

    bounds = [_BOUNDS[sign] for sign in signs or [0] * inputs.shape[1]] + [_BOUNDS[0]]
    start = np.zeros(standard.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 3_000}).x
    coefficients = found[:-1] / spread
    return Logistic(coefficients, float(found[-1] - coefficients @ mean))


def _fewer(features: Inputs, random: np.random.Generator) -> Inputs:
    """Now and then those of the first few passages alone."""
    if random.random() >= 0.35:
        return features
    places = 1 / features[:, FEATURES.index("rank")] - 1
    kept = features[places < random.integers(1, 5)]
    return kept if len(kept) else features


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
            of_units = learned.unit_scores(one.features, one.kind)
            scores[one.case].append(learned.answer_score(one.features, of_units))
            if one.case is Case.ANSWERABLE and len(one.features):
                first.append(one.right[np.argsort(-of_units)[:2]].any())
    answerable, on_topic = np.array(scores[Case.ANSWERABLE]), np.array(scores[Case.ON_TOPIC])
    return {
        "right_in_two": round(float(np.mean(first)), 4),
        "refused_impossible_at_0.92": _refused(scores[Case.IMPOSSIBLE], answerable, 0.92),
        "refused_off_topic_at_0.95": _refused(scores[Case.OFF_TOPIC], on_topic, 0.95),
        "answered_as_shipped": round(float((answerable >= LEAST).mean()), 4),
        "refused_impossible_as_shipped": round(float((np.array(scores[Case.IMPOSSIBLE]) < LEAST).mean()), 4),
        "refused_off_topic_as_shipped": round(float((np.array(scores[Case.OFF_TOPIC]) < LEAST).mean()), 4),
    }


def _refused(scores: Sequence[float], of_answerable: Inputs, answered: float) -> float:
    return round(float((np.array(scores) < np.quantile(of_answerable, 1 - answered)).mean()), 4)


def written(learned: Scorer) -> str:
    """As apps.retrieval.answers.extractive.scoring reads it."""
    told: dict[str, Any] = {
        "unit": _named(learned.unit, UNIT_INPUTS),
        "answer": _named(learned.answer, ANSWER_INPUTS),
        "least": learned.least,
    }
    return json.dumps(told, indent=1) + "\n"


def _named(one: Logistic, names: Sequence[str]) -> dict[str, float]:
    numbers = dict(zip(names, one.coefficients.tolist(), strict=True)) | {"bias": one.bias}
    return {name: round(number, 4) for name, number in numbers.items()}
