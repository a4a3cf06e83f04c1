"""What engines do on CUDA, with a reference on the CPU in the place of the one function that only CUDA has."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention.varlen import varlen_attn

from apps.models.checkpoint import checkpoint_read
from apps.models.engine import cuda, transformer
from apps.models.engine.batching import EngineRunner
from apps.models.engine.cuda import CudaTransfers, attends
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.reranking import RerankingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.engine.tokenizer import TextIds
from apps.models.engine.transfers import HostTransfers
from apps.models.inputs import RoleText
from apps.models.modules import Pooling
from apps.models.priority import Priority
from apps.models.prompts import NO_PROMPTS, TextRole
from ragsite.core.errors import ModelUnavailableError
from tests.apps.models.conftest import model_of
from tests.apps.models.engine.varlen import varlen_reference
from tests.apps.models.families import CROSS_ENCODERS, FAMILIES, cross_encoder_of, encoder_make
from tests.apps.models.making import reranker_of

EXACT = EngineSettings(precision=Precision.FLOAT32, threads=1)
TEXTS = ["rent", "", "The tenant pays the rent on the first day of each month.", "water boils " * 40, "naïve 東京 €5"]
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def _reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "varlen_attn", varlen_reference)


class InSegments(EmbeddingEngine):
    """Packs as on CUDA."""

    def _prepare_cpu(self, network: Any) -> None:
        self._pack_in_segments(network)


class RerankingInSegments(RerankingEngine):
    """Packs as on CUDA."""

    def _prepare_cpu(self, network: Any) -> None:
        self._pack_in_segments(network)


def engine_loaded(path: Path, settings: EngineSettings = EXACT) -> InSegments:
    engine = InSegments(
        replace(model_of(path, name=path.name), prompts=checkpoint_read(path).prompts or NO_PROMPTS), settings
    )
    engine.load()
    return engine


def padded(engine: InSegments, role: TextRole) -> np.ndarray:
    """What the same network makes of the texts in rows that are filled up."""
    first, engine._first_position = engine._first_position, None
    try:
        return engine.embed(TEXTS, role=role)
    finally:
        engine._first_position = first


@pytest.mark.parametrize("budget", [0, 16], ids=["all at once", "a text longer than a batch"])
@pytest.mark.parametrize("name", ["MiniLM", "BGE", "RoBERTa", "CamemBERT", "multilingual E5"])
def test_texts_in_segments_get_the_vectors_they_get_padded(tmp_path: Path, name: str, budget: int) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES[name]), replace(EXACT, batch_tokens=budget))
    assert engine.packed

    for role in TextRole:
        vectors = engine.embed(TEXTS, role=role)
        assert (vectors * padded(engine, role)).sum(axis=1).min() >= 0.9999
        assert vectors[0] @ vectors[2] < 0.999


@pytest.mark.parametrize("include_prompt", [True, False], ids=["with the prompt", "without the prompt"])
@pytest.mark.parametrize("pooling", Pooling, ids=lambda pooling: pooling.value)
def test_segments_are_pooled_in_every_way(tmp_path: Path, pooling: Pooling, include_prompt: bool) -> None:
    path = encoder_make(tmp_path, FAMILIES["BGE"], pooling_mode=pooling.value, include_prompt=include_prompt)
    engine = engine_loaded(path)

    vectors = engine.embed(TEXTS, role=TextRole.QUERY)

    assert (vectors * padded(engine, TextRole.QUERY)).sum(axis=1).min() >= 0.9999


def test_texts_of_one_token_are_texts(tmp_path: Path) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES["MiniLM"]))
    batch = [TextIds([7]), TextIds([5, 9, 8]), TextIds([7]), TextIds([9])]

    together = engine.compute(batch)

    assert together == pytest.approx(np.vstack([engine.compute([text]) for text in batch]), abs=1e-5)
    assert together[0] == pytest.approx(together[2], abs=1e-6)
    assert together[0] @ together[3] < 0.999


@pytest.mark.parametrize("name", ["BERT", "XLM-RoBERTa"])
def test_pairs_in_segments_get_the_scores_they_get_in_tiles(tmp_path: Path, name: str) -> None:
    model = reranker_of(cross_encoder_of(tmp_path, CROSS_ENCODERS[name]))
    pairs = [("When is rent due?", text) for text in TEXTS]
    found = []
    for kind in (RerankingInSegments, RerankingEngine):
        engine = kind(model, EXACT)
        engine.load()
        assert engine.packed
        found.append(engine.run(pairs))

    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert np.ptp(found[0]) > 1e-3


def test_families_that_cannot_be_packed_are_padded(tmp_path: Path) -> None:
    assert not engine_loaded(encoder_make(tmp_path, FAMILIES["DistilBERT"])).packed


@pytest.mark.parametrize(
    ("config", "dtype", "can"),
    [
        ({"hidden_size": 384, "num_attention_heads": 12}, torch.bfloat16, True),
        ({"hidden_size": 384, "num_attention_heads": 12}, torch.float16, True),
        ({"hidden_size": 384, "num_attention_heads": 12}, torch.float32, False),
        ({"hidden_size": 60, "num_attention_heads": 5}, torch.bfloat16, False),
        ({"hidden_size": 1024, "num_attention_heads": 2}, torch.bfloat16, False),
    ],
)
def test_the_kernel_takes_halves_and_heads_of_certain_widths(
    config: dict[str, int], dtype: torch.dtype, can: bool
) -> None:
    assert attends(SimpleNamespace(**config), dtype=dtype) is can


def test_the_kernel_takes_what_the_reference_is_given() -> None:
    """Torch checks shapes without computing anything."""
    row, heads, slots = torch.empty(7, 4, 16, device="meta"), torch.empty(33, 2, 16, device="meta"), 4
    bounds = torch.empty(slots + 1, dtype=torch.int32, device="meta")

    alone = varlen_attn(row, row, row, bounds, bounds, 5, 5, scale=0.25)
    slotted = varlen_attn(
        row, heads, heads, bounds, bounds, 5, 8,
        scale=0.25, window_size=(-1, 0), enable_gqa=True, seqused_k=bounds[1:],
    )  # fmt: skip

    assert alone.shape == slotted.shape == row.shape  # type: ignore[union-attr]


class CrampedTransfers(HostTransfers):
    """A device that says only when the result is fetched that its memory did not suffice."""

    def download(self, found: torch.Tensor) -> np.ndarray:
        if len(found) > 2:
            raise torch.OutOfMemoryError("no memory, it turns out")
        return super().download(found)


def test_memory_that_ran_out_unnoticed_splits_the_batch_all_the_same(tmp_path: Path) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES["MiniLM"]))
    expected = engine.embed(TEXTS)
    engine.transfers = CrampedTransfers()

    assert engine.embed(TEXTS) == pytest.approx(expected, abs=1e-5)


class HangingTransfers(HostTransfers):
    """A device that never answers, until it is let."""

    def __init__(self) -> None:
        self.asked, self.answers = threading.Event(), threading.Event()

    def download(self, found: torch.Tensor) -> np.ndarray:
        self.asked.set()
        assert self.answers.wait(PATIENCE)
        return super().download(found)


def test_a_device_that_never_answers_is_seen(tmp_path: Path) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES["MiniLM"]))
    engine.transfers = hanging = HangingTransfers()
    runner = EngineRunner(engine)
    asked: list[RoleText] = [(TextRole.QUERY, "rent")]
    waiting = runner.submit(asked, priority=Priority.INTERACTIVE, deadline=time.monotonic() + PATIENCE)

    assert hanging.asked.wait(PATIENCE)
    assert runner.stalled(0.0)

    hanging.answers.set()
    assert waiting.result(PATIENCE).shape == (1, engine.width)
    runner.close()
    assert not runner.stalled(0.0)


def test_slices_of_many_texts_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES["MiniLM"]))
    texts = [f"rent {'water ' * (number % 5)}{number}" for number in range(20)]
    expected = engine.embed(texts)

    monkeypatch.setattr(transformer, "SLICE", 3)

    assert engine.embed(texts) == pytest.approx(expected, abs=1e-5)


def test_a_text_that_cannot_be_encoded_fails_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_loaded(encoder_make(tmp_path, FAMILIES["MiniLM"]))
    monkeypatch.setattr(transformer, "SLICE", 1)
    engine._encoder = None

    with pytest.raises(ModelUnavailableError):
        engine.embed(TEXTS)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA streams that are no more than things to hand round."""
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: object())
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())


def test_no_more_batches_are_under_way_than_there_are_lanes(streams: None) -> None:
    transfers, left = CudaTransfers(torch.device("cuda"), lanes=2), threading.Event()
    entered_after: list[bool] = []

    def third() -> None:
        with transfers.lane():
            entered_after.append(left.is_set())

    with transfers.lane():
        with pytest.raises(ZeroDivisionError), transfers.lane():
            raise ZeroDivisionError
        with transfers.lane():
            thread = threading.Thread(target=third)
            thread.start()
            left.set()
        thread.join(PATIENCE)

    assert entered_after == [True], "a lane that was left, by whatever way, is free again"
