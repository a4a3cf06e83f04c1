"""How well the checker of verdicts tells supported, contradicted and neither apart, on SciFact by cross-validation.

    python -m benchmarks.answers.verdicts --scifact DIR [--vectors] [--json]

Ten folds, in which neither a claim nor an abstract is both learned from and asked. Also: of which labels are the pairs for which
the rules, which take a sentence out of an answer, say "contradicted". With `--vectors` the cosines of the claim's vector with
those of the sentences, by the bundled embedding model, are features, too: what is left out by asking no model. The last line is a
JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.retrieval.answers.checking.learned import CLASSES
from apps.retrieval.answers.checking.reading import words_of
from apps.retrieval.answers.checking.turning import Turn, turn_of
from benchmarks.answers.verdict_data import LabelledPair, examples_of, groups_of, pairs_read
from benchmarks.answers.verdict_training import model_train

FOLDS = 10


def verdicts_measure(folder: Path, *, vectors: bool = False) -> dict[str, Any]:
    """The figures; `verdict_accuracy` is the share of pairs whose likeliest class is the right one."""
    pairs = pairs_read(folder)
    names, values, classes = examples_of(pairs)
    if vectors:
        cosines = _cosines(pairs)
        names = [*names, *(f"cosine_{number}" for number in range(cosines.shape[1]))]
        values = np.hstack([values, cosines])
    likely = _cross_validated(names, values, classes, _folds(pairs))
    told = likely.argmax(axis=1)
    of_contradicted = classes[told == CLASSES.index("contradicted")]
    return {
        "pairs": len(pairs),
        "verdict_accuracy": _share(told == classes),
        "verdict_majority": _share(classes == np.bincount(classes).argmax()),
        "verdict_confusion": {
            name: dict(zip(CLASSES, np.bincount(told[classes == number], minlength=3).tolist(), strict=True))
            for number, name in enumerate(CLASSES)
        },
        "contradicted_precision": _share(of_contradicted == CLASSES.index("contradicted")),
        "contradicted_by_rule": _by_rule(pairs),
    }


def _cross_validated(names: Sequence[str], values: np.ndarray, classes: np.ndarray, folds: np.ndarray) -> np.ndarray:
    likely = np.zeros((len(classes), len(CLASSES)))
    for fold in range(FOLDS):
        model = model_train(names, values[folds != fold], classes[folds != fold])
        for row in np.flatnonzero(folds == fold):
            likely[row] = list(model.probabilities(dict(zip(names, values[row], strict=True))).values())
    return likely


def _folds(pairs: Sequence[LabelledPair]) -> np.ndarray:
    """By the digest of each group's name, so that they depend on no order."""
    return np.array([int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS for name in groups_of(pairs)])


def _by_rule(pairs: Sequence[LabelledPair]) -> dict[str, int]:
    """The labels of pairs in which the sentence that has most of the claim's words turns it for sure."""
    found: Counter[str] = Counter()
    for pair in pairs:
        claim = words_of(pair.claim, "english")
        best = max((words_of(one, "english") for one in pair.sentences), key=lambda one: len(claim.terms & one.terms))
        if turn_of(claim, best) is Turn.YES:
            found[pair.label] += 1
    return {name: found[name] for name in CLASSES}


def _cosines(pairs: Sequence[LabelledPair]) -> np.ndarray:
    """Of each pair the three highest, that of the title, and their mean."""
    from apps.models.engine.embedding import EmbeddingEngine
    from apps.models.engine.settings import Device, EngineSettings
    from benchmarks.engine.model import bundled_model

    engine = EmbeddingEngine(bundled_model(), EngineSettings(Device.CPU))
    engine.load()
    texts = sorted({text for pair in pairs for text in (pair.claim, *pair.sentences)})
    vectors = dict(zip(texts, engine.embed(texts), strict=True))
    rows = []
    for pair in pairs:
        found = np.array([vectors[one] @ vectors[pair.claim] for one in pair.sentences])
        first = np.sort(np.append(found, [found.min()] * 2))[::-1][:3]
        rows.append([*first, found[0], found.mean()])
    return np.array(rows)


def _share(are: np.ndarray) -> float:
    return round(float(are.mean()), 4) if len(are) else 0.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers.verdicts", description="Measure the verdicts.")
    parser.add_argument("--scifact", type=Path, required=True, help="folder of the labelled claims and abstracts")
    parser.add_argument("--vectors", action="store_true", help="with vectors of the bundled embedding model, too")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    given = parser.parse_args(argv)
    found = verdicts_measure(given.scifact, vectors=given.vectors)
    if not given.json:
        for name, value in found.items():
            print(f"{name:24} {value}")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
