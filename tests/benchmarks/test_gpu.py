from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from apps.models.installed_model import EmbeddingModel
from benchmarks import gpu
from tests.apps.models.conftest import bundled_model  # noqa: F401 - a fixture

TINIEST = replace(gpu.SHAPES["tiny"], batch_sizes=(4,), texts=6, compared=3, requests=2, new_tokens=3)
CPU = torch.device("cpu")


def test_both_sides_embed_the_same_texts(monkeypatch: pytest.MonkeyPatch, bundled_model: EmbeddingModel) -> None:  # noqa: F811 - the fixture
    monkeypatch.setattr(gpu, "bundled_model", lambda: bundled_model)
    found: dict[str, Any] = {}

    gpu.embedding(replace(TINIEST, encoders={"base": TINIEST.encoders["base"]}), CPU, found)

    assert 0.999 < found["embed_min_cosine"] <= 1.001
    assert found["embed_vs_best_encode_base"] > 0
    assert found["embed_forward_tflops"] > 0
    assert set(found["encode_texts_per_second_base"]) == {"torch.float32 4", "torch.bfloat16 4"}


def test_requests_are_written_to_their_length_by_the_decoder() -> None:
    network = gpu._writing_network(TINIEST.writers["0_6b"], TINIEST, CPU)
    decoder = gpu.batch_decoder(network, slots=2, slot_tokens=TINIEST.slot_tokens, ends=frozenset())

    assert network.dtype is torch.bfloat16
    assert gpu.written(decoder, gpu.prompts(TINIEST), 3) > 0
    assert gpu.one_stream(decoder, gpu.prompts(TINIEST, seed=1)[0], 3) > 0
    assert decoder.free == 2


def test_a_part_that_fails_is_named_and_the_others_figures_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setitem(gpu.PARTS, "embedding", fails)
    monkeypatch.setitem(gpu.PARTS, "writing", lambda shapes, device, found: found.update(tokens=1.0))

    status = gpu.main(["--json", "--device", "cpu", "--shapes", "tiny"])

    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert status == 1
    assert found["failed"] == {"embedding": "RuntimeError: out of luck"}
    assert (found["tokens"], found["shapes"]) == (1.0, "tiny")
    assert found["device"].startswith("cpu")
