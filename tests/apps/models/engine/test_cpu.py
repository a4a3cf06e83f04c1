from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from apps.models.engine.cpu import ATTENTION, CACHED_BYTES, PackedLinear, cpu_prepare

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")

TINY = {"vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}


@pytest.fixture
def network() -> Callable[..., Any]:
    def make(**settings: Any) -> Any:
        torch.manual_seed(7)
        return BertModel(BertConfig(**TINY, **settings)).to(torch.bfloat16).eval()

    return make


def states_of(network: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    return found * mask.unsqueeze(-1)


@pytest.mark.parametrize("lengths", [[9, 9, 9], [9, 4, 1], [1]], ids=["of one length", "padded", "one token"])
def test_a_prepared_network_computes_what_it_computed_before(network: Callable[..., Any], lengths: list[int]) -> None:
    ids = torch.randint(1, 50, (len(lengths), max(lengths)))
    mask = torch.tensor([[1] * length + [0] * (max(lengths) - length) for length in lengths])
    before, prepared = network(), network()

    cpu_prepare(prepared)

    assert prepared.config._attn_implementation == ATTENTION
    assert torch.allclose(states_of(prepared, ids, mask), states_of(before, ids, mask), atol=0.05)


def test_rows_that_do_not_fit_the_caches_at_once_are_computed_in_turns(
    network: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, mask = torch.randint(1, 50, (5, 12)), torch.ones(5, 12, dtype=torch.long)
    mask[2:, 7:] = 0
    prepared = network()
    cpu_prepare(prepared)
    at_once = states_of(prepared, ids, mask)

    monkeypatch.setattr("apps.models.engine.cpu.CACHED_BYTES", 2 * 4 * 12 * 12 * 2)

    assert CACHED_BYTES > 5 * 4 * 12 * 12 * 2
    assert torch.equal(states_of(prepared, ids, mask), at_once)


def test_every_linear_layer_is_packed_and_its_gelu_with_it(network: Callable[..., Any]) -> None:
    prepared = network()

    cpu_prepare(prepared)

    kinds = [type(module) for module in prepared.modules()]
    assert nn.Linear not in kinds
    assert kinds.count(PackedLinear) == 6 * TINY["num_hidden_layers"] + 1  # with the pooler's
    assert not any("GELU" in kind.__name__ for kind in kinds)


def test_an_activation_other_than_gelu_stays_where_it_is(network: Callable[..., Any]) -> None:
    ids, mask = torch.randint(1, 50, (2, 6)), torch.ones(2, 6, dtype=torch.long)
    before, prepared = network(hidden_act="relu"), network(hidden_act="relu")

    cpu_prepare(prepared)

    assert torch.allclose(states_of(prepared, ids, mask), states_of(before, ids, mask), atol=0.05)


def test_causal_attention_is_left_to_torch(network: Callable[..., Any]) -> None:
    ids, mask = torch.randint(1, 50, (2, 6)), torch.ones(2, 6, dtype=torch.long)
    before, prepared = network(is_decoder=True), network(is_decoder=True)

    cpu_prepare(prepared)

    assert torch.allclose(states_of(prepared, ids, mask), states_of(before, ids, mask), atol=0.05)
