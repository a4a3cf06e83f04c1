"""Trains the checker of verdicts on SciFact and writes its weights.

    python -m benchmarks.answers.verdict_training --scifact DIR [--out FILE]

The same data give the same file. Nothing is drawn at random, and PENALTY was not searched for: a third of it and three times as
much give about the same accuracy by cross-validation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from apps.retrieval.answers.checking.learned import CLASSES, IN_USE, VerdictModel
from benchmarks.answers.verdict_data import examples_of, pairs_read

PENALTY = 30.0
"""Of the squared weights, beside the sum of the logarithmic losses of all pairs."""

DIGITS = 5
LEAST_SCALE = 10**-DIGITS * 100


def model_train(
    names: Sequence[str],
    values: np.ndarray,
    classes: np.ndarray,
    *,
    trained: dict[str, str | int | float] | None = None,
) -> VerdictModel:
    """The logistic regression of three classes with the least loss and penalty."""
    means, scales = values.mean(axis=0), values.std(axis=0)
    scales[scales < LEAST_SCALE] = 1.0
    weights, biases = _fitted((values - means) / scales, np.eye(len(CLASSES))[classes])
    return VerdictModel(
        version=IN_USE.stem,
        trained=trained or {},
        features=list(names),
        means=means.round(DIGITS).tolist(),
        scales=scales.round(DIGITS).tolist(),
        weights=weights.round(DIGITS).tolist(),
        biases=biases.round(DIGITS).tolist(),
    )


def _fitted(values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = (wanted.shape[1], values.shape[1] + 1)
    extended = np.hstack([values, np.ones((len(values), 1))])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        scores = extended @ weights.T
        scores -= scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        penalised = weights * np.append(np.ones(shape[1] - 1), 0.0)
        slope = (np.exp(logs) - wanted).T @ extended + PENALTY * penalised
        return float(-(wanted * logs).sum() + PENALTY / 2 * (penalised**2).sum()), slope.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    weights = found.x.reshape(shape)
    return weights[:, :-1], weights[:, -1]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Train the checker of verdicts.")
    parser.add_argument("--scifact", type=Path, required=True, help="folder of the labelled claims and abstracts")
    parser.add_argument("--out", type=Path, default=IN_USE)
    given = parser.parse_args(argv)
    pairs = pairs_read(given.scifact)
    about: dict[str, str | int | float] = {"data": "SciFact: claims_labels.jsonl, corpus.jsonl", "pairs": len(pairs)}
    model_train(*examples_of(pairs), trained=about | {"penalty": PENALTY}).write(given.out)
    print(f"{given.out}: {given.out.stat().st_size} bytes from {len(pairs)} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
