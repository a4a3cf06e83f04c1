"""The weights of the checker that are shipped, and the code that made them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from apps.retrieval.answers.checking.features import features
from apps.retrieval.answers.checking.judging import likelihoods
from apps.retrieval.answers.checking.learned import CLASSES, IN_USE, VerdictModel, model_in_use
from apps.retrieval.answers.checking.reading import words_of
from benchmarks.answers.verdict_data import groups_of, pairs_read
from benchmarks.answers.verdict_training import main, model_train
from benchmarks.answers.verdicts import verdicts_measure

CLAIM = words_of("Heating increases the strength of steel.", "english")
ABSTRACT = [words_of("Steel was heated.", "english"), words_of("Its strength increased with heating.", "english")]


def test_the_weights_are_for_the_features_that_there_are() -> None:
    model = model_in_use()
    assert list(model.features) == list(features(CLAIM, ABSTRACT))
    assert np.array(model.weights).shape == (len(CLASSES), len(model.features))
    assert len(model.means) == len(model.scales) == len(model.features)
    assert (model.version, len(model.biases)) == (IN_USE.stem, len(CLASSES))
    assert IN_USE.stat().st_size < 8_000


def test_its_data_are_named() -> None:
    assert model_in_use().trained["pairs"] == 1258
    assert "SciFact" in str(model_in_use().trained["data"])


def test_a_claim_that_is_said_is_likelier_than_one_of_which_nothing_is() -> None:
    said = likelihoods(CLAIM, ABSTRACT)
    unsaid = likelihoods(words_of("Frogs sing at night.", "english"), ABSTRACT)
    assert sum(said.values()) == pytest.approx(1)
    assert said["supported"] > 0.5 > unsaid["supported"]
    assert unsaid["neither"] > 0.5


def test_training_is_the_same_each_time_and_finds_what_tells_the_classes_apart() -> None:
    dice = np.random.default_rng(3)
    classes = dice.integers(0, 3, 150)
    values = np.column_stack([classes == 0, classes == 1, dice.random(150)]).astype(float)
    one, other = (model_train(["a", "b", "noise"], values, classes) for _ in range(2))
    assert one == other
    likely = one.probabilities({"a": 0, "b": 1, "noise": 0.5})
    assert likely[CLASSES[1]] == max(likely.values())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty small abstracts with two claims each, in the form of SciFact."""
    documents = [
        {"_id": str(n), "title": f"Drug{n}", "text": f"Drug{n} was given. Drug{n} increases pain."} for n in range(40)
    ]
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(one) + "\n" for one in documents)
    claims = [
        {"_id": f"{n}{verb}", "claim": f"Drug{n} {verb} pain.", "cited_doc_ids": [str(n)],
         "evidence": [{"doc_id": str(n), "label": label, "sentences": [1]}] if label else []}
        for n in range(40)
        for verb, label in [("increases", "SUPPORT"), ("reduces", "CONTRADICT"), ("colours frogs without", None)]
    ]  # fmt: skip
    (tmp_path / "claims_labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in claims))
    return tmp_path


def test_what_is_measured_tells_apart_what_words_tell(data: Path) -> None:
    found = verdicts_measure(data)
    assert (found["pairs"], found["verdict_accuracy"], found["verdict_majority"]) == (120, 1.0, 0.3333)
    assert found["contradicted_by_rule"] == {"supported": 0, "contradicted": 40, "neither": 0}


def test_what_shares_a_claim_or_an_abstract_is_one_group(data: Path) -> None:
    groups = groups_of(pairs_read(data))
    assert len(set(groups)) == 40
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_the_command_writes_a_model_that_can_be_read(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scifact", str(data), "--out", str(data / "verdicts-1.json")]) == 0
    assert "from 120 pairs" in capsys.readouterr().out
    assert VerdictModel(**json.loads((data / "verdicts-1.json").read_text())).trained["pairs"] == 120
