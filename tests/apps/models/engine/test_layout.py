from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from apps.models.engine import layout, transformer
from apps.models.engine.cpu import PrepackedLinear, prepacks_float32
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.layout import Layout, layout_choose
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.installed_model import EmbeddingModel

MakeModel = Callable[..., EmbeddingModel]
TEXTS = ["rent", "", "The tenant pays the rent on the first day of each month, " * 9]


@pytest.fixture
def encoder() -> Any:
    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    return BertModel(config).eval()


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Callable[[], float], Callable[[], float]]]:
    """Ways that take the seconds given; the row takes the second figure once weights are laid out."""
    monkeypatch.setattr(layout, "_once", lambda compute: compute())
    monkeypatch.setattr(layout, "prepacks_float32", lambda: True)
    laid_out: list[Any] = []
    monkeypatch.setattr(layout, "weights_lay_out", laid_out.append)

    def ways(row: float, row_laid_out: float, padded: float) -> tuple[Callable[[], float], Callable[[], float]]:
        return (lambda: row_laid_out if laid_out else row), (lambda: padded)

    return ways


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ((1.0, 1.0, 1.0), Layout.ROW),
        ((1.0, 0.95, 0.92), Layout.ROW),
        ((1.0, 0.88, 1.0), Layout.LAID_OUT_ROW),
        ((1.0, 1.3, 0.88), Layout.PADDED),
        ((1.0, 0.8, 0.7), Layout.PADDED),
        ((1.0, 0.7, 0.8), Layout.LAID_OUT_ROW),
    ],
)
def test_another_way_must_be_clearly_faster_than_a_row(
    encoder: Any, takes: Any, seconds: tuple[float, float, float], chosen: Layout
) -> None:
    row, padded = takes(*seconds)

    assert layout_choose(encoder, row=row, padded=padded) is chosen


def test_one_slow_try_decides_nothing(encoder: Any, takes: Any) -> None:
    padded: Iterator[float] = iter([9.0, 9.0, 0.5, 9.0])

    assert layout_choose(encoder, row=takes(1.0, 1.0, 1.0)[0], padded=lambda: next(padded)) is Layout.PADDED


def test_a_cpu_without_vectors_for_onednn_is_not_asked_to_lay_weights_out(
    encoder: Any, takes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "prepacks_float32", lambda: False)
    row, padded = takes(1.0, 0.1, 1.0)

    assert layout_choose(encoder, row=row, padded=padded) is Layout.ROW


def test_one_layer_is_tried_by_one_core_and_everything_is_as_before_afterwards(encoder: Any) -> None:
    threads, layers = torch.get_num_threads(), encoder.encoder.layer
    seen: set[tuple[int, int]] = set()

    def compute() -> None:
        seen.add((len(encoder.encoder.layer), torch.get_num_threads()))

    layout_choose(encoder, row=compute, padded=compute)

    assert seen == {(1, 1)}
    assert torch.get_num_threads() == threads
    assert encoder.encoder.layer is layers
    assert not any(isinstance(module, PrepackedLinear) for module in encoder.modules())


def test_a_trial_that_fails_leaves_the_network_whole(encoder: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        layout_choose(encoder, row=lambda: 1 / 0, padded=lambda: None)

    assert len(encoder.encoder.layer) == 3


@pytest.fixture
def win(monkeypatch: pytest.MonkeyPatch) -> Callable[[Layout], list[Any]]:
    """Lets a way win every trial; gives the networks tried."""

    def wins(chosen: Layout) -> list[Any]:
        tried: list[Any] = []

        def choose(encoder: Any, *, row: Callable[[], Any], padded: Callable[[], Any]) -> Layout:
            with torch.inference_mode():
                assert torch.allclose(row().tokens, padded().tokens, atol=1e-5), "the two ways compute the same"
            tried.append(encoder)
            return chosen

        monkeypatch.setattr(transformer, "layout_choose", choose)
        return tried

    return wins


def engine_loaded(model: EmbeddingModel, precision: Precision = Precision.FLOAT32) -> EmbeddingEngine:
    engine = EmbeddingEngine(model, EngineSettings(precision=precision, threads=1))
    engine.load()
    return engine


@pytest.mark.parametrize("family", ["bert", "xlm-roberta"])
def test_every_layout_gives_the_same_vectors(
    make_model: MakeModel, win: Callable[[Layout], list[Any]], family: str
) -> None:
    model = make_model(family=family)
    found = {}

    for chosen in Layout:
        tried = win(chosen)
        engine = engine_loaded(model)
        found[chosen] = engine.embed(TEXTS)
        assert len(tried) == 1
        assert engine.packed is (chosen is not Layout.PADDED)

    assert all((vectors * found[Layout.ROW]).sum(axis=1).min() >= 0.999999 for vectors in found.values())


@pytest.mark.skipif(not prepacks_float32(), reason="this CPU has no vectors that oneDNN is written for")
def test_weights_are_laid_out_where_that_wins(make_model: MakeModel, win: Callable[[Layout], list[Any]]) -> None:
    laid_out = []
    for chosen in (Layout.LAID_OUT_ROW, Layout.ROW):
        win(chosen)
        network = engine_loaded(make_model(chosen.name))._network
        laid_out.append(any(isinstance(module, PrepackedLinear) for module in network.modules()))

    assert laid_out == [True, False]


def test_what_needs_no_trial_gets_none(make_model: MakeModel, win: Callable[[Layout], list[Any]]) -> None:
    tried = win(Layout.PADDED)

    assert engine_loaded(make_model("half"), Precision.BFLOAT16).packed
    assert not engine_loaded(make_model("other", family="electra")).packed
    assert not tried
