"""Checkpoints to test with: small ones made on the spot, and the real weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.installed_model import EmbeddingModel
from apps.models.services.registry import BUNDLED_NAME, bundled_model_path
from ragsite.core.ids import new_id
from tests.apps.models.hub import Hub, hub  # noqa: F401 - a fixture for all
from tests.apps.models.making import tokenizer_train
from tests.apps.models.pulling import COMMIT, NAME


def checkpoint_make(
    folder: Path,
    *,
    dimensions: int = 32,
    pooling: str = "mean_tokens",
    seed: int = 0,
    tokens: int = 24,
    family: str = "bert",
    spread: float = 0.02,
) -> Path:
    """A two-layer encoder with random weights, laid out as sentence-transformers does; 24 tokens at most by default.

    Weights are as a new network's, unless they are to have another `spread`: then texts differ by more.
    """
    tokenizer = tokenizer_train()
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        family,
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=dimensions,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=2 * dimensions,
        max_position_embeddings=2 * tokens,
        pad_token_id=0,
        initializer_range=spread,
    )
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "1_Pooling").mkdir()
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    json_write(folder / "modules.json", modules)
    json_write(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": dimensions, f"pooling_mode_{pooling}": True, "pooling_mode_max_tokens": False},
    )
    json_write(folder / "sentence_bert_config.json", {"max_seq_length": tokens, "do_lower_case": False})
    return folder


def json_write(file: Path, content: object) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


def model_of(path: Path, *, name: str) -> EmbeddingModel:
    checkpoint = checkpoint_read(path)
    assert checkpoint.dimensions is not None
    return EmbeddingModel(
        version_id=new_id(),
        name=name,
        path=path,
        sha256=weights_sha256(checkpoint.weights),
        dimensions=checkpoint.dimensions,
        max_tokens=checkpoint.max_tokens,
    )


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Makes a checkpoint folder of its own for the test, which may spoil it."""

    def make(name: str = "tiny", **options: object) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        return checkpoint_make(folder, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_model(make_checkpoint: Callable[..., Path]) -> Callable[..., EmbeddingModel]:
    """Makes a checkpoint and what would be registered of it."""

    def make(name: str = "tiny", **options: object) -> EmbeddingModel:
        return model_of(make_checkpoint(name, **options), name=name)

    return make


@pytest.fixture(scope="session")
def bundled_model() -> EmbeddingModel:
    """The real all-MiniLM-L6-v2."""
    path = bundled_model_path()
    if path is None:
        pytest.skip("the package with the weights is not installed")
    return model_of(path, name=BUNDLED_NAME)


@pytest.fixture
def source(make_checkpoint: Callable[..., Path], hub: Hub) -> Path:  # noqa: F811 - the fixture
    """A checkpoint, which the hub offers with what nobody should take."""
    folder = make_checkpoint()
    hub.publish(NAME, folder, commit=COMMIT, modeling_tiny__py=b"raise SystemExit", pytorch_model__bin=b"\x80pickle")
    return folder
