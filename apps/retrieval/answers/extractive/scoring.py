"""How likely a unit holds the answer to a question, and whether the best one answers it at all: two logistic regressions.

Their numbers are in `weights.json`; `benchmarks.answers.training` made them, and says from what. Pure.

    p(unit)   = sigmoid(w · [features, type of the answer] + b)
    p(answer) = sigmoid(v · [features of the best unit, best of each feature, scores of the best three, type] + c)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.retrieval.answers.extractive.asked import AnswerType
from apps.retrieval.answers.extractive.features import FEATURES

FILE = Path(__file__).with_name("weights.json")
TYPES = tuple(AnswerType)
UNIT_INPUTS = (*FEATURES, *(f"asks_{kind}" for kind in TYPES))
CROSSED = (
    "score", "best_met", "best_met_near", "best_met_passage", "best_heaviest_missing_passage", "best_names_missing_passage",
    "best_type_missing", "best_nearness", "most_nearness", "nearness_ahead",
)  # fmt: skip
"""Inputs whose products are inputs, too: a near passage says little where the question's rarest word is missing."""

ANSWER_INPUTS = (
    *(f"best_{name}" for name in FEATURES),
    *(f"most_{name}" for name in FEATURES),
    "score", "second_score", "scores_of_three", "nearness_ahead",
    *(f"asks_{kind}" for kind in TYPES),
    *(f"{one}*{other}" for one, other in combinations_with_replacement(CROSSED, 2)),
)  # fmt: skip

_CROSSED = [ANSWER_INPUTS.index(name) for name in CROSSED]

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

    def answer_score(self, features: Vector, scores: Vector, kind: AnswerType) -> float:
        """How likely the units answer the question; 0 where there are none."""
        return float(self.answer.probability(answer_inputs(features, scores, kind))) if len(scores) else 0.0


def unit_inputs(features: Vector, kind: AnswerType) -> Vector:
    """Features (n, d) with the type of the answer: (n, len(UNIT_INPUTS))."""
    return np.hstack([features, np.tile(_type(kind), (len(features), 1))])


def answer_inputs(features: Vector, scores: Vector, kind: AnswerType) -> Vector:
    """What is looked at of all units of a question together: (len(ANSWER_INPUTS),)."""
    best = np.sort(scores)[::-1]
    second = best[1] if len(best) > 1 else 0.0
    nearness = np.unique(features[:, FEATURES.index("nearness")])[::-1]
    ahead = nearness[0] - nearness[1] if len(nearness) > 1 else 0.0
    told = np.array([best[0], second, best[:3].sum(), ahead])
    plain = np.concatenate([features[np.argmax(scores)], features.max(axis=0), told, _type(kind)])
    crossed = plain[_CROSSED]
    return np.concatenate([plain, np.outer(crossed, crossed)[np.triu_indices(len(crossed))]])


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
