from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

from apps.models.engine.batching import EngineRunner
from apps.models.engine.reranking import RerankingEngine
from apps.models.engine.resources import ModelResourceManager, engine_build
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.errors import UnsupportedModelError
from apps.models.priority import Priority
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError
from tests.apps.models.making import cross_encoder_make, reranker_of

EXACT = EngineSettings(precision=Precision.FLOAT32, threads=2)
QUERY = "When does the tenant pay the rent?"
TEXTS = [
    "The tenant pays the rent on the first day of each month.",
    "",
    "Water boils at one hundred degrees at the level of the sea. " * 20,
    "rent",
    "naïve 東京 €5",
]
PAIRS = [(QUERY, text) for text in TEXTS]


def engine_loaded(folder: Path, settings: EngineSettings = EXACT) -> RerankingEngine:
    engine = RerankingEngine(reranker_of(folder), settings)
    engine.load()
    return engine


def reference(folder: Path, *, max_tokens: int) -> np.ndarray:
    """Plain transformers in float32, one pair at a time."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for query, text in PAIRS:
        encoded = tokenizer([(query, text)], return_tensors="pt", truncation=True, max_length=max_tokens)
        with torch.inference_mode():
            rows.append(network(**encoded).logits[0].numpy())
    return np.array(rows)


@pytest.mark.parametrize(
    ("family", "packed"), [("bert", True), ("xlm-roberta", True), ("electra", False)], ids=lambda value: str(value)
)
def test_scores_are_those_of_plain_transformers(tmp_path: Path, family: str, packed: bool) -> None:
    folder = cross_encoder_make(tmp_path, family=family, type_vocab_size=2)
    engine = engine_loaded(folder)
    assert engine.packed is packed
    scores = engine.run(PAIRS)
    assert scores.shape == (len(PAIRS), 1)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(reference(folder, max_tokens=engine.model.max_tokens), abs=1e-5)
    assert np.ptp(scores) > 0.05


def test_it_matters_which_text_is_the_query(tmp_path: Path) -> None:
    engine = engine_loaded(cross_encoder_make(tmp_path))
    forth, back = engine.run([(QUERY, TEXTS[0]), (TEXTS[0], QUERY)])
    assert abs(forth - back) > 1e-4


def test_a_model_without_segments_gets_none(tmp_path: Path) -> None:
    folder = cross_encoder_make(tmp_path, type_vocab_size=1)
    assert engine_loaded(folder).run(PAIRS).shape == (len(PAIRS), 1)


@pytest.mark.parametrize("family", ["bert", "electra"])
def test_half_precision_keeps_the_scores_nearly_however_the_cpu_computes(
    tmp_path: Path, family: str, either_cpu: None
) -> None:
    """The error is at most 0.35 of the scores' own spread; in 150 random networks it was 0.15 at most."""
    folder = cross_encoder_make(tmp_path, family=family)
    half = EngineSettings(precision=Precision.BFLOAT16, threads=2)
    pairs = [(query, text) for query in TEXTS for text in TEXTS]
    exact = engine_loaded(folder).run(pairs)
    error = engine_loaded(folder, half).run(pairs) - exact
    assert np.sqrt((error**2).mean()) < 0.35 * exact.std()


def test_pairs_of_many_callers_are_batched_and_each_gets_its_own(tmp_path: Path) -> None:
    engine = engine_loaded(cross_encoder_make(tmp_path))
    runner = EngineRunner(engine)
    until = time.monotonic() + 60
    futures = [runner.submit([pair], priority=Priority.INTERACTIVE, deadline=until) for pair in PAIRS * 3]
    together = np.concatenate([future.result(60) for future in futures])
    runner.close()
    assert together == pytest.approx(np.tile(engine.run(PAIRS), (3, 1)), abs=1e-5)


def test_the_resource_manager_holds_rerankers_beside_other_models(tmp_path: Path) -> None:
    model = reranker_of(cross_encoder_make(tmp_path))
    manager = ModelResourceManager(budget_bytes=10**9, build=lambda one: engine_build(one, EXACT))
    try:
        assert isinstance(manager.get(model, timeout=60).engine, RerankingEngine)
        assert manager.loaded() == [model]
    finally:
        manager.close()


def test_an_unloaded_engine_says_so(tmp_path: Path) -> None:
    engine = engine_loaded(cross_encoder_make(tmp_path))
    inputs = engine.encode(PAIRS)
    engine.unload()
    for call in (lambda: engine.encode(PAIRS), lambda: engine.forward(inputs)):
        with pytest.raises(ModelUnavailableError, match="is not loaded"):
            call()


def test_other_weights_than_those_registered_are_refused(tmp_path: Path) -> None:
    model = reranker_of(cross_encoder_make(tmp_path))
    cross_encoder_make(tmp_path, seed=1)
    with pytest.raises(ModelNotFoundError, match="have changed"):
        RerankingEngine(model, EXACT).load()


def test_a_head_without_weights_is_refused(tmp_path: Path) -> None:
    folder = cross_encoder_make(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnsupportedModelError, match=r"lack \['classifier.weight'\]"):
        engine_loaded(folder)
