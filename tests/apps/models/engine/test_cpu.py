from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from apps.models.engine import cpu
from apps.models.engine.cpu import ATTENTION, PrepackedLinear, prepacks_bfloat16, tiled_attention, weights_prepack
from apps.models.engine.packing import pack

needs_prepacking = pytest.mark.skipif(not prepacks_bfloat16(), reason="this CPU cannot lay bfloat16 out")

TINY = {"vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
LENGTHS = [
    pytest.param([9], id="one short text"),
    pytest.param([40], id="one of more than a few tokens"),
    pytest.param([100], id="one long text"),
    pytest.param([20, 11, 30, 3], id="short texts that share a tile"),
    pytest.param([90, 5, 70, 66, 64, 1, 110], id="long and short ones"),
]


@pytest.fixture
def network() -> Callable[..., Any]:
    def make(*, dtype: torch.dtype = torch.bfloat16, **settings: Any) -> Any:
        torch.manual_seed(7)
        return BertModel(BertConfig(**TINY, **settings)).to(dtype).eval()

    return make


def texts_of(lengths: list[int]) -> list[list[int]]:
    numbers = torch.Generator().manual_seed(3)
    return [torch.randint(1, 50, (length,), generator=numbers).tolist() for length in lengths]


def states_one_by_one(network: Any, texts: list[list[int]]) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([network(input_ids=torch.tensor([text])).last_hidden_state[0].float() for text in texts])


def states_packed(network: Any, texts: list[list[int]]) -> torch.Tensor:
    row = pack(texts, first_position=0, filler=0)
    with torch.inference_mode():
        states: torch.Tensor = network(**row.inputs()).last_hidden_state[0, : row.tokens].float()
    return states


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_packed_texts_have_the_states_that_they_have_alone(
    network: Callable[..., Any], lengths: list[int], dtype: torch.dtype, within: float
) -> None:
    tiled, plain = network(dtype=dtype), network(dtype=dtype)
    tiled.set_attn_implementation(ATTENTION)
    texts = texts_of(lengths)

    assert torch.allclose(states_packed(tiled, texts), states_one_by_one(plain, texts), atol=within)


def attention_of(states: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    tiles = pack(texts_of(lengths), first_position=0, filler=0).tiles
    return tiled_attention(nn.Module(), states, states, states, None, tiles=tiles, scaling=1.0)[0]


@pytest.mark.parametrize("offset", [200.0, -200.0], ids=["over the range", "below it"])
def test_scores_beyond_the_range_of_exponentials_are_attended_as_torch_does(offset: float) -> None:
    numbers = torch.Generator().manual_seed(5)
    states = torch.randn(1, 2, 80, 8, generator=numbers)
    queries, keys = states.clone(), states.clone()
    queries[..., 0], keys[..., 0] = offset, 1.0  # Adds the same to all scores, which changes no softmax.
    half = [one.bfloat16() for one in (queries, keys, states)]

    tiles = pack(texts_of([80]), first_position=0, filler=0).tiles
    found = tiled_attention(nn.Module(), *half, None, tiles=tiles, scaling=1.0)[0]  # type: ignore[arg-type]

    expected = nn.functional.scaled_dot_product_attention(*half, scale=1.0).transpose(1, 2)
    assert torch.isfinite(found).all()
    assert torch.equal(found, expected)


def test_ordinary_scores_are_attended_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("left to torch")

    monkeypatch.setattr(cpu, "_by_torch", refuse)

    assert attention_of(torch.randn(1, 2, 96, 8).bfloat16(), [96]).shape == (1, 96, 2, 8)


def test_tokens_of_no_text_get_zeros_and_give_nothing() -> None:
    states = torch.randn(1, 2, 112, 8).bfloat16()
    spoilt = states.clone()
    spoilt[:, :, 100:] = 1e30

    found = attention_of(spoilt, [60, 40])

    assert torch.equal(found[:, :100], attention_of(states, [60, 40])[:, :100])
    assert not found[:, 100:].any()


def test_a_batch_without_tiles_is_left_to_torch(network: Callable[..., Any]) -> None:
    tiled, plain = network(), network()
    tiled.set_attn_implementation(ATTENTION)
    ids, mask = torch.randint(1, 50, (2, 6)), torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])

    with torch.inference_mode():
        found, expected = (one(input_ids=ids, attention_mask=mask).last_hidden_state for one in (tiled, plain))

    assert torch.equal(found, expected)


@needs_prepacking
@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_prepacked_weights_compute_what_they_computed_before(network: Callable[..., Any], activation: str) -> None:
    before, prepared = network(hidden_act=activation), network(hidden_act=activation)
    texts = texts_of([9, 4, 1])

    weights_prepack(prepared)

    assert torch.allclose(states_one_by_one(prepared, texts), states_one_by_one(before, texts), atol=0.05)


@needs_prepacking
def test_every_linear_layer_is_prepacked_and_its_gelu_with_it(network: Callable[..., Any]) -> None:
    prepared = network()

    weights_prepack(prepared)

    kinds = [type(module) for module in prepared.modules()]
    assert nn.Linear not in kinds
    assert kinds.count(PrepackedLinear) == 6 * TINY["num_hidden_layers"] + 1  # with the pooler's
    assert not any("GELU" in kind.__name__ for kind in kinds)


def test_a_cpu_that_cannot_lay_weights_out_keeps_torchs_own_layers(
    network: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu, "prepacks_bfloat16", lambda: False)
    before, prepared = network(), network()
    texts = texts_of([9, 4, 1])

    weights_prepack(prepared)

    assert [type(module) for module in prepared.modules()] == [type(module) for module in before.modules()]
    assert torch.equal(states_one_by_one(prepared, texts), states_one_by_one(before, texts))


def test_a_torch_without_onednn_is_not_asked_for_its_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", None)

    assert not prepacks_bfloat16()


def test_weights_are_laid_out_by_the_word_of_the_operators_themselves() -> None:
    def lays_out() -> bool:
        try:
            PrepackedLinear(nn.Linear(8, 8).bfloat16())
        except RuntimeError:
            return False
        return True

    assert prepacks_bfloat16() is lays_out()
