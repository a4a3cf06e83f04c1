from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from apps.models.checkpoint import checkpoint_read, parameter_count, weights_sha256
from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.modules import Modules, Normalize, Pooling
from ragsite.core.errors import ModelNotFoundError

MakeCheckpoint = Callable[..., Path]


def change(file: Path, **entries: object) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | entries))


def test_a_checkpoint_tells_its_width_limit_pooling_and_normalisation(make_checkpoint: MakeCheckpoint) -> None:
    checkpoint = checkpoint_read(make_checkpoint(dimensions=48))

    assert (checkpoint.dimensions, checkpoint.max_tokens) == (48, 24)
    assert checkpoint.modules == Modules(Pooling.MEAN, pools_prompt=True, width=48, steps=(Normalize(),))


def test_the_digest_is_that_of_the_safetensors_file(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()

    expected = hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()

    assert weights_sha256(checkpoint_read(path).weights) == expected


def test_parameters_are_counted_from_the_file_alone(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()

    expected = sum(parameter.numel() for parameter in BertModel.from_pretrained(path).parameters())

    assert parameter_count(checkpoint_read(path).weights) == expected


def test_weights_in_several_files_are_all_read_and_hashed(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    whole = parameter_count(checkpoint_read(path).weights)
    model = BertModel.from_pretrained(path)
    (path / "model.safetensors").unlink()
    model.save_pretrained(path, max_shard_size="20KB")

    checkpoint = checkpoint_read(path)

    assert len(checkpoint.weights) > 1
    assert parameter_count(checkpoint.weights) == whole
    before = weights_sha256(checkpoint.weights)
    with checkpoint.weights[-1].open("ab") as last:
        last.write(b"x")
    assert weights_sha256(checkpoint.weights) != before


def test_a_missing_part_of_the_weights_is_named(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    model = BertModel.from_pretrained(path)
    (path / "model.safetensors").unlink()
    model.save_pretrained(path, max_shard_size="20KB")
    lost = checkpoint_read(path).weights[0]
    lost.unlink()

    with pytest.raises(UnsupportedModelError, match=lost.name):
        checkpoint_read(path)


def test_a_folder_with_pickled_weights_only_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    torch.save({}, path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()

    with pytest.raises(UnsafeWeightsError, match=r"pytorch_model\.bin") as refused:
        checkpoint_read(path)

    assert refused.value.error_code == "unsafe_weights"


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        checkpoint_read(tmp_path / "nowhere")


@pytest.mark.parametrize("lost", ["config.json", "tokenizer.json"])
def test_an_incomplete_folder_is_refused_by_the_missing_files_name(make_checkpoint: MakeCheckpoint, lost: str) -> None:
    path = make_checkpoint()
    (path / lost).unlink()

    with pytest.raises(UnsupportedModelError, match=lost):
        checkpoint_read(path)


def test_a_broken_configuration_file_is_refused_by_name(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    (path / "config.json").write_text("{")

    with pytest.raises(UnsupportedModelError, match=r"config\.json.* is not JSON"):
        checkpoint_read(path)


def test_an_unknown_step_after_the_transformer_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    (path / "modules.json").write_text(json.dumps([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]))

    with pytest.raises(UnsupportedModelError, match="Dense"):
        checkpoint_read(path)


def test_an_unknown_pooling_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    with pytest.raises(UnsupportedModelError, match="attention"):
        checkpoint_read(make_checkpoint(pooling="attention"))


def pooling_of(path: Path) -> Pooling | None:
    modules = checkpoint_read(path).modules
    return modules.pooling if modules else None


def test_cls_pooling_is_recognised_in_both_spellings(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint(pooling="cls_token")
    assert pooling_of(path) is Pooling.CLS

    (path / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "cls"}))
    assert pooling_of(path) is Pooling.CLS


def test_without_a_stated_limit_the_positions_are_the_limit(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    change(path / "sentence_bert_config.json", max_seq_length=None)

    assert checkpoint_read(path).max_tokens == 48


def test_positions_that_hold_no_token_are_not_counted(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    change(path / "sentence_bert_config.json", max_seq_length=None)
    change(path / "config.json", model_type="xlm-roberta", max_position_embeddings=514, pad_token_id=1)

    assert checkpoint_read(path).max_tokens == 512


def test_a_limit_beyond_the_positions_is_cut_to_them(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    change(path / "sentence_bert_config.json", max_seq_length=4096)

    assert checkpoint_read(path).max_tokens == 48
