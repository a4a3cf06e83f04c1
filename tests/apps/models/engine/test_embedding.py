from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.engine.states import States, pool
from apps.models.engine.tokenizer import TextIds
from apps.models.errors import UnsupportedModelError
from apps.models.installed_model import EmbeddingModel
from apps.models.modules import Pooling
from apps.models.prompts import TextRole
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError

MakeModel = Callable[..., EmbeddingModel]
EXACT = EngineSettings(precision=Precision.FLOAT32, threads=2)
TEXTS = [
    "Water boils at one hundred degrees.",
    "",
    "The tenant pays the rent on the first day of each month, " * 40,
    "rent",
    "A chunk keeps its exact span of the parsed text; 東京, naïve, €5.",
]


def engine_loaded(model: EmbeddingModel, settings: EngineSettings = EXACT) -> EmbeddingEngine:
    engine = EmbeddingEngine(model, settings)
    engine.load()
    return engine


def reference(path: Path, texts: Sequence[str], *, max_tokens: int) -> np.ndarray:
    """Plain transformers in float32, one text at a time, mean over the tokens."""
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path, dtype=torch.float32).eval()
    rows = []
    for text in texts:
        encoded = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_tokens, padding=False)
        with torch.inference_mode():
            mean = model(**encoded).last_hidden_state[0].mean(dim=0)
        rows.append((mean / mean.norm()).numpy())
    return np.array(rows)


class CrampedEngine(EmbeddingEngine):
    """Runs out of memory on more rows than `most`."""

    most = 1

    def forward(self, batch: Sequence[TextIds]) -> np.ndarray:
        if len(batch) > self.most:
            raise torch.OutOfMemoryError(f"no memory for {len(batch)} rows")
        return super().forward(batch)


@pytest.mark.weights
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.AUTO])
def test_the_real_model_agrees_with_plain_transformers(bundled_model: EmbeddingModel, precision: Precision) -> None:
    engine = engine_loaded(bundled_model, EngineSettings(precision=precision, threads=2))

    vectors = engine.embed(TEXTS)

    cosines = (vectors * reference(bundled_model.path, TEXTS, max_tokens=256)).sum(axis=1)
    assert cosines.min() >= (0.99999 if precision is Precision.FLOAT32 else 0.999)


@pytest.mark.weights
def test_the_real_model_sees_tokens_129_to_256_and_none_after(bundled_model: EmbeddingModel) -> None:
    engine = engine_loaded(bundled_model)
    head = "water " * 200

    plain, within, beyond = engine.embed([head, "water " * 150 + "rent " * 50, head + "water " * 54 + "rent " * 99])
    full = engine.embed([head + "water " * 54])[0]

    assert plain @ within < 0.9
    assert beyond @ full == pytest.approx(1.0, abs=1e-5)


def test_embeddings_are_float32_of_the_models_width_and_length_one(make_model: MakeModel) -> None:
    vectors = engine_loaded(make_model(dimensions=48)).embed(TEXTS)

    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 48)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_give_no_rows(make_model: MakeModel) -> None:
    assert engine_loaded(make_model()).embed([]).shape == (0, 32)


def test_order_is_kept_however_the_texts_are_batched(make_model: MakeModel) -> None:
    model = make_model()
    texts = [" ".join(["tenant", "rent", "month"][: n % 3 + 1] * (n % 7 + 1)) for n in range(40)]

    batched = engine_loaded(model, replace(EXACT, batch_tokens=48)).embed(texts)

    alone = engine_loaded(model)
    assert batched == pytest.approx(np.vstack([alone.embed([text]) for text in texts]), abs=1e-5)


@pytest.mark.parametrize(
    ("pooling", "vectors"),
    [
        (Pooling.CLS, [[1.0, 0.0], [99.0, 98.0]]),
        (Pooling.LAST, [[3.0, -4.0], [99.0, 98.0]]),
        (Pooling.MEAN, [[2.0, -2.0], [99.0, 98.0]]),
        (Pooling.MAX, [[3.0, 0.0], [99.0, 98.0]]),
        (Pooling.WEIGHTED_MEAN, [[(1 + 2 * 3) / 3, 2 * -4 / 3], [99.0, 98.0]]),
    ],
)
def test_each_text_is_pooled_alone(pooling: Pooling, vectors: list[list[float]]) -> None:
    states = States(torch.tensor([[1.0, 0.0], [3.0, -4.0], [99.0, 98.0]]), [2, 1])

    assert pool(states, pooling, left_out=[0, 0]).numpy() == pytest.approx(np.array(vectors))


@pytest.mark.parametrize(
    ("family", "packed"), [("bert", True), ("xlm-roberta", True), ("electra", False)], ids=lambda value: str(value)
)
def test_each_family_agrees_with_plain_transformers_packed_or_padded(
    make_model: MakeModel, family: str, packed: bool
) -> None:
    model = make_model(family=family)
    engine = engine_loaded(model)

    vectors = engine.embed(TEXTS)

    assert engine.packed is packed
    network = AutoModel.from_pretrained(model.path).eval()
    for vector, text in zip(vectors, engine.encode([(TextRole.QUERY, text) for text in TEXTS]), strict=True):
        with torch.inference_mode():
            mean = network(input_ids=torch.tensor([text.ids])).last_hidden_state[0].mean(dim=0)
        assert vector @ (mean / mean.norm()).numpy() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "electra"])
def test_half_precision_keeps_the_vectors_nearly_however_the_cpu_computes(
    make_model: MakeModel, family: str, either_cpu: None
) -> None:
    model = make_model(family=family)
    half = EngineSettings(precision=Precision.BFLOAT16, threads=2)

    cosines = (engine_loaded(model, half).embed(TEXTS) * engine_loaded(model).embed(TEXTS)).sum(axis=1)

    assert cosines.min() >= 0.999


def test_the_checkpoints_pooling_is_the_one_used(make_model: MakeModel) -> None:
    by_mean = engine_loaded(make_model("mean")).embed(["the tenant pays the rent"])
    by_cls = engine_loaded(make_model("cls", pooling="cls_token")).embed(["the tenant pays the rent"])

    assert by_mean[0] @ by_cls[0] < 0.999


@pytest.mark.parametrize("most", [1, 3])
def test_a_batch_too_large_for_the_memory_is_split_and_keeps_its_order(make_model: MakeModel, most: int) -> None:
    model = make_model()
    texts = ["tenant " * n for n in range(1, 12)]
    cramped = CrampedEngine(model, EXACT)
    cramped.most = most
    cramped.load()

    assert cramped.embed(texts) == pytest.approx(engine_loaded(model).embed(texts), abs=1e-5)


def test_one_text_too_large_for_the_memory_is_refused_with_its_length(make_model: MakeModel) -> None:
    cramped = CrampedEngine(make_model(), EXACT)
    cramped.most = 0
    cramped.load()

    with pytest.raises(ModelUnavailableError, match="3 tokens") as refused:
        cramped.embed(["tenant"])

    assert refused.value.error_code == "out_of_memory"


def test_tampered_weights_are_not_loaded(make_model: MakeModel) -> None:
    model = make_model()
    weights = model.path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    engine = EmbeddingEngine(model, EXACT)

    with pytest.raises(ModelNotFoundError, match=model.sha256) as refused:
        engine.load()

    assert refused.value.error_code == "model_changed"
    with pytest.raises(ModelUnavailableError, match="not loaded"):
        engine.embed(["tenant"])


def test_a_model_of_another_width_than_registered_is_not_loaded(make_model: MakeModel) -> None:
    with pytest.raises(ModelNotFoundError, match="32 dimensions, registered are 64"):
        engine_loaded(replace(make_model(), dimensions=64))


def test_a_folder_that_went_away_is_said_to_be_missing(make_model: MakeModel, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="gone"):
        engine_loaded(replace(make_model(), path=tmp_path / "gone"))


def test_weights_that_lack_a_layer_are_refused_rather_than_filled_at_random(
    make_model: MakeModel, make_checkpoint: Callable[..., Path]
) -> None:
    path = make_checkpoint("holed")
    tensors = load_file(path / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in tensors.items() if "layer.1" not in name},
        path / "model.safetensors",
        metadata={"format": "pt"},
    )
    digest = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()

    with pytest.raises(UnsupportedModelError, match=r"layer\.1"):
        engine_loaded(replace(make_model(), path=path, sha256=digest))


def test_the_size_is_known_before_loading_and_is_the_size_loaded(make_model: MakeModel) -> None:
    engine = EmbeddingEngine(make_model(), EXACT)
    announced = engine.weights_bytes()

    engine.load()

    assert announced == sum(tensor.nbytes for tensor in engine._network.parameters())


def test_an_unloaded_engine_refuses_work(make_model: MakeModel) -> None:
    engine = engine_loaded(make_model())
    engine.unload()

    with pytest.raises(ModelUnavailableError, match="not loaded"):
        engine.embed(["tenant"])
