"""How likely a unit holds the answer to a question, and whether the best one answers it at all: two logistic regressions.

Their numbers are in `weights.json`; `benchmarks.answers.training` made them, and says from what. Pure.

    p(unit)   = sigmoid(w · [features, type of the answer] + b)
    p(answer) = sigmoid(v · [some features of the best unit, logit of its score, nearness of the nearest passage] + c)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.features import FEATURES

FILE = Path(__file__).with_name("weights.json")
TYPES = tuple(AnswerType)
UNIT_INPUTS = (*FEATURES, *(f"asks_{kind}" for kind in TYPES))
BEST = (
    "met_near", "heaviest_missing", "names_missing_passage", "type_missing", "negated_otherwise", "nearness",
    "nearness_unknown",
)  # fmt: skip
ANSWER_INPUTS = (*(f"best_{name}" for name in BEST), "score_logit", "most_nearness")

LEAST_UNIT = 0.15
"""Of p(unit), what an answer needs."""

MET_BY_WORDS = 0.5
"""Of the weight of a question's terms, what an answer needs near it where words alone were searched for."""

LINE_MET = 0.55
"""Of the weight of a question's terms, what a line of a list must have, with its headings, to answer without further looking."""

SURE = 1e-4
"""Nothing is surer than that it is not."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression: `coefficients` (d,) and `bias`."""

    coefficients: Vector
    bias: float

    def probability(self, inputs: Vector) -> Vector:
        """Of each row of (n, d), or of one (d,)."""
        return np.asarray(1 / (1 + np.exp(-(inputs @ self.coefficients + self.bias))))

    @classmethod
    def of(cls, named: Mapping[str, float], names: tuple[str, ...]) -> Logistic:
        """
        Raises:
            ValueError: the numbers are of other inputs than these: they were learned for another version of the code.
        """
        if set(named) != {*names, "bias"}:
            raise ValueError(
                f"{FILE.name} is of other inputs: {sorted(set(named) ^ {*names, 'bias'})}. Train it again."
            )
        return cls(np.array([named[name] for name in names]), named["bias"])


@dataclass(frozen=True, slots=True)
class Scorer:
    """Both regressions, and the least p(answer) of an answer."""

    unit: Logistic
    answer: Logistic
    least: float

    def unit_scores(self, features: Vector, kind: AnswerType) -> Vector:
        """How likely each unit (n, d) holds the answer: (n,)."""
        return self.unit.probability(unit_inputs(features, kind))

    def answer_score(self, features: Vector, scores: Vector) -> float:
        """How likely the units answer the question; 0 where there are none.

        Rules come before what was learned. A unit that is no answer by itself makes none with its surroundings. Where the passage
        has none of the names that are asked for, what it says is about something else. By words alone an answer has half of
        the question's words near it. And a line of a list, of which there are few in what was learned from, answers what it has
        all names and most words of.
        """
        if not len(scores):
            return 0.0
        best = dict(zip(FEATURES, features[np.argmax(scores)].tolist(), strict=True))
        if max(scores) < LEAST_UNIT or best["names_missing_passage"] == 1.0:
            return 0.0
        if best["nearness_unknown"] and best["met_near"] < MET_BY_WORDS:
            return 0.0
        if best["row"] and best["names_missing"] == 0.0 and best["met_near"] >= LINE_MET:
            return float(max(scores))
        return float(self.answer.probability(answer_inputs(features, scores)))


def unit_inputs(features: Vector, kind: AnswerType) -> Vector:
    """Features (n, d) with the type of the answer: (n, len(UNIT_INPUTS))."""
    return np.hstack([features, np.tile(_type(kind), (len(features), 1))])


def answer_inputs(features: Vector, scores: Vector) -> Vector:
    """What is looked at of all units of a question: (len(ANSWER_INPUTS),). No more than that: whatever counts or compares
    the units says something else where there are few.
    """
    place = int(np.argmax(scores))
    best = min(max(float(scores[place]), SURE), 1 - SURE)
    told = [math.log(best / (1 - best)), features[:, FEATURES.index("nearness")].max()]
    return np.concatenate([features[place, [FEATURES.index(name) for name in BEST]], told])


def _type(kind: AnswerType) -> Vector:
    return np.array([float(kind is one) for one in TYPES])


@cache
def scorer() -> Scorer:
    """The one that is shipped."""
    return scorer_of(json.loads(FILE.read_text()))


def scorer_of(learned: Mapping[str, Any]) -> Scorer:
    """From what training writes."""
    return Scorer(
        Logistic.of(learned["unit"], UNIT_INPUTS), Logistic.of(learned["answer"], ANSWER_INPUTS), learned["least"]
    )
