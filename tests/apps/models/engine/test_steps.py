"""Vectors made of tokens' states in every way that is offered, as sentence-transformers makes them from the same folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.modules import LayerNorm

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.installed_model import EmbeddingModel
from apps.models.modules import Pooling
from apps.models.prompts import NO_PROMPTS, TextRole
from ragsite.core.errors import ModelNotFoundError
from tests.apps.models.conftest import model_of
from tests.apps.models.families import FAMILIES, WIDTH, encoder_make, json_write

EXACT = EngineSettings(precision=Precision.FLOAT32, threads=2)
TEXTS = ["rent", "", "The tenant pays the rent on the first day of each month.", "water boils " * 40, "naïve 東京 €5"]


def installed(path: Path) -> EmbeddingModel:
    """What would be registered of the folder."""
    return replace(model_of(path, name=path.name), prompts=checkpoint_read(path).prompts or NO_PROMPTS)


def engine_loaded(model: EmbeddingModel) -> EmbeddingEngine:
    engine = EmbeddingEngine(model, EXACT)
    engine.load()
    return engine


def assert_as_sentence_transformers(path: Path) -> None:
    engine, reference = engine_loaded(installed(path)), SentenceTransformer(str(path), device="cpu")
    for role, encode in ((TextRole.QUERY, reference.encode_query), (TextRole.DOCUMENT, reference.encode_document)):
        expected = encode(TEXTS, normalize_embeddings=True)
        assert (engine.embed(TEXTS, role=role) * expected).sum(axis=1).min() >= 0.9999


@pytest.mark.parametrize("include_prompt", [True, False], ids=["with the prompt", "without the prompt"])
@pytest.mark.parametrize("pooling", Pooling, ids=lambda pooling: pooling.value)
def test_texts_are_pooled_in_every_way(tmp_path: Path, pooling: Pooling, include_prompt: bool) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"], pooling_mode=pooling.value, include_prompt=include_prompt)

    assert_as_sentence_transformers(path)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_the_last_token_is_the_texts_own_whichever_side_is_padded(tmp_path: Path, padding_side: str) -> None:
    assert_as_sentence_transformers(encoder_make(tmp_path, replace(FAMILIES["Qwen3"], padding_side=padding_side)))


@pytest.mark.parametrize(
    "steps",
    [
        [Dense(WIDTH, 24)],
        [Dense(WIDTH, 48, bias=False, activation_function=torch.nn.Identity()), Normalize()],
        [LayerNorm(WIDTH)],
        [Normalize(), Dense(WIDTH, 16, activation_function=torch.nn.GELU()), LayerNorm(16), Normalize()],
    ],
    ids=lambda steps: ", ".join(type(step).__name__ for step in steps),
)
def test_steps_after_pooling_are_taken_in_their_order(tmp_path: Path, steps: list[Any]) -> None:
    torch.manual_seed(1)
    for step in steps:
        for parameter in step.parameters():
            torch.nn.init.normal_(parameter)

    assert_as_sentence_transformers(encoder_make(tmp_path, FAMILIES["BGE"], steps=steps))


def test_the_first_numbers_of_a_vector_are_one_of_length_one(tmp_path: Path) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"])
    cut = replace(installed(path), dimensions=8)

    vectors = engine_loaded(cut).embed(TEXTS)

    expected = SentenceTransformer(str(path), device="cpu", truncate_dim=8)
    assert vectors.shape == (len(TEXTS), 8)
    assert vectors == pytest.approx(expected.encode_document(TEXTS, normalize_embeddings=True), abs=1e-5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_checkpoint_that_wants_lower_case_gets_it(tmp_path: Path) -> None:
    path = encoder_make(tmp_path, FAMILIES["RoBERTa"])
    json_write(path / "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": True})
    texts = ["The TENANT pays", "the tenant pays", "ÀÉ rent"]

    vectors = engine_loaded(installed(path)).embed(texts)

    expected = SentenceTransformer(str(path), device="cpu").encode_document(texts, normalize_embeddings=True)
    assert (vectors * expected).sum(axis=1).min() >= 0.9999
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)
    assert ModelTokenizer(path).count(texts[0]) == ModelTokenizer(path).count(texts[1])


def test_the_weights_of_a_step_are_part_of_what_was_registered(tmp_path: Path) -> None:
    model = installed(encoder_make(tmp_path, FAMILIES["BGE"], steps=[Dense(WIDTH, 16)]))
    assert model.dimensions == 16
    file = tmp_path / "2_Dense" / "model.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(file).items()}, file)

    with pytest.raises(ModelNotFoundError, match="have changed"):
        engine_loaded(model)


def test_a_step_without_its_weights_is_not_loaded(tmp_path: Path) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"], steps=[Dense(WIDTH, 16)])
    file = path / "2_Dense" / "model.safetensors"
    save_file({"linear.weight": load_file(file)["linear.weight"]}, file)
    model = replace(installed(path), sha256=weights_sha256(checkpoint_read(path).weights))

    with pytest.raises(UnsupportedModelError, match=r"linear\.bias"):
        engine_loaded(model)


def dense_changed(**entries: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        file = path / "2_Dense" / "config.json"
        json_write(file, json.loads(file.read_text()) | entries)

    return change


def pooling_changed(**entries: object) -> Callable[[Path], None]:
    return lambda path: json_write(path / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, **entries})


def module_added(kind: str) -> Callable[[Path], None]:
    def add(path: Path) -> None:
        modules = json.loads((path / "modules.json").read_text())
        json_write(path / "modules.json", [*modules, {"idx": 3, "name": "3", "path": "3_More", "type": kind}])

    return add


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dense_changed(activation_function="acme.nn.Tanh"), r"activation 'acme\.nn\.Tanh'"),
        (dense_changed(activation_function="torch.nn.modules.activation.Hardtanh"), "Hardtanh"),
        (dense_changed(use_residual=True), "use_residual=True"),
        (dense_changed(module_input_name="token_embeddings"), "module_input_name='token_embeddings'"),
        (pooling_changed(pooling_mode=["mean", "max"]), "pools by mean, max"),
        (pooling_changed(pooling_mode="attention"), "pools by attention"),
        (pooling_changed(pooling_mode_cls_token=True, pooling_mode_mean_tokens=True), "pools by cls_token, mean_tokens"),
        (module_added("sentence_transformers.models.CNN"), "has the step CNN"),
        (module_added("custom_st.Head"), r"needs the code custom_st\.Head"),
        (lambda path: json_write(path / "modules.json", [{"type": "sentence_transformers.models.BoW", "path": ""}]), "BoW"),
    ],
)  # fmt: skip
def test_what_is_not_offered_is_refused_with_the_reason(
    tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"], steps=[Dense(WIDTH, 16)])
    change(path)

    with pytest.raises(UnsupportedModelError, match=said):
        checkpoint_read(path)


def test_pickled_weights_of_a_step_are_refused(tmp_path: Path) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"], steps=[Dense(WIDTH, 16)])
    (path / "2_Dense" / "model.safetensors").rename(path / "2_Dense" / "pytorch_model.bin")

    with pytest.raises(UnsafeWeightsError, match="2_Dense"):
        checkpoint_read(path)
