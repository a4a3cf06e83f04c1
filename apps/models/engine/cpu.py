"""What makes a network faster on a CPU that computes in bfloat16: weights laid out once, attention as plain products.

Measured on two cores of such a CPU: torch lays each weight out anew at every call, and its fused attention kernel is slower
there than two batched products with a softmax between them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.activations import GELUActivation
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask

ATTENTION = "ragsite_cpu"
CACHED_BYTES = 2 << 20
"""Scores of attention that are computed at once: about what the caches of two cores hold."""

ROWS = 2048
"""For how many rows a weight is laid out; others work too."""


class PackedLinear(nn.Module):
    """A linear layer whose weight is kept in oneDNN's own layout, with the GELU that follows it, if one does."""

    def __init__(self, layer: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self._after: tuple[str, list[Any], str] = ("gelu", [], "none") if gelu else ("none", [], "")
        self._weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), ROWS)
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """States (…, in) to (…, out)."""
        packed: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, *self._after)
        return packed


def cpu_prepare(network: Any) -> None:
    """Change a network for inference in bfloat16 on this CPU, where torch has oneDNN; its results stay the same."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    with torch.inference_mode():
        _pack(network)
    if network.config._attn_implementation == "sdpa":
        network.set_attn_implementation(ATTENTION)


def _pack(module: nn.Module) -> None:
    layer = getattr(module, "dense", None)
    if type(layer) is nn.Linear and isinstance(getattr(module, "intermediate_act_fn", None), GELUActivation):
        module.dense, module.intermediate_act_fn = PackedLinear(layer, gelu=True), nn.Identity()
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, PackedLinear(child))
        else:
            _pack(child)


def cpu_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (rows, heads, tokens, width) as (rows, tokens, heads, width), some rows at a time.

    The mask is added to the scores. What encoders don't use (causal attention without a mask, fewer keys than heads, biases by
    position, a cache) is left to torch.
    """
    if not _is_plain(module, query, key, attention_mask, options):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    rows, heads, tokens, width = query.shape
    queries, keys, values = (states.reshape(rows * heads, -1, width) for states in (query, key, value))
    found = torch.empty_like(queries)
    step = max(1, CACHED_BYTES // (heads * tokens * tokens * query.element_size()))
    for start in range(0, rows, step):
        some = slice(start, min(start + step, rows))
        flat = slice(some.start * heads, some.stop * heads)
        scores = _scores(queries[flat], keys[flat], options.get("scaling") or width**-0.5)
        if attention_mask is not None:
            scores.view(-1, heads, tokens, tokens).add_(attention_mask[some])
        torch.bmm(torch.softmax(scores, -1), values[flat], out=found[flat])
    return found.view(rows, heads, tokens, width).transpose(1, 2), None


def _scores(queries: torch.Tensor, keys: torch.Tensor, scaling: float) -> torch.Tensor:
    return torch.baddbmm(queries.new_empty(1), queries, keys.transpose(1, 2), beta=0, alpha=scaling)


def _is_plain(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    attention_mask: torch.Tensor | None,
    options: dict[str, Any],
) -> bool:
    causal = options.get("is_causal")
    if attention_mask is None and (getattr(module, "is_causal", True) if causal is None else causal):
        return False
    if any(options.get(name) is not None for name in ("position_bias", "cache", "softcap")):
        return False
    return query.shape == key.shape


AttentionInterface.register(ATTENTION, cpu_attention)
AttentionMaskInterface.register(ATTENTION, eager_mask)
