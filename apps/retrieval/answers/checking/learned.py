"""The learned part of the checker: a logistic regression of three classes, whose weights lie beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

CLASSES = ("supported", "contradicted", "neither")
IN_USE = Path(__file__).with_name("verdicts-1.json")


@dataclass(frozen=True, slots=True)
class VerdictModel:
    """Weights by class and feature, for features that are centred by `means` and divided by `scales`. `trained` says on what."""

    version: str
    trained: Mapping[str, str | int | float]
    features: Sequence[str]
    means: Sequence[float]
    scales: Sequence[float]
    weights: Sequence[Sequence[float]]
    biases: Sequence[float]

    def probabilities(self, found: Mapping[str, float]) -> dict[str, float]:
        """How likely each of CLASSES is."""
        values = np.array([found[name] for name in self.features])
        scores = np.array(self.weights) @ ((values - self.means) / self.scales) + self.biases
        shares = np.exp(scores - scores.max())
        return dict(zip(CLASSES, map(float, shares / shares.sum()), strict=True))

    def write(self, path: Path) -> None:
        """Keep it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


@cache
def model_in_use() -> VerdictModel:
    """The one that is shipped."""
    return VerdictModel(**json.loads(IN_USE.read_text(encoding="utf-8")))
