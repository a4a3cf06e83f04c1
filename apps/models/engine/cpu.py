"""What makes a network faster on a CPU: texts packed in one row, attention as plain products, weights laid out once.

Measured on two cores that compute in bfloat16: torch lays out each weight again at every call, and its fused attention kernel is
slower there than two batched products with exponentials between them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.activations import GELUActivation
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from apps.models.engine.packing import Tile

ATTENTION = "ragsite_tiles"
ONEDNN_VECTORS = frozenset({"AVX2", "AVX512"})

ROWS = 2048
"""For how many rows a weight is laid out; others work too."""

FEW = 32
"""So many tokens torch's own attention handles faster."""

SIZE_STEP = 16
"""Products of scores have multiples of this many rows and columns."""


class PrepackedLinear(nn.Module):
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


def weights_prepack(network: Any) -> None:
    """Lay the weights of a network in bfloat16 out for inference, where the CPU can; its results stay the same."""
    if prepacks_bfloat16():
        weights_lay_out(network)


def weights_lay_out(network: Any) -> None:
    """As `weights_prepack`, in any precision for which the operators of `PrepackedLinear` are there."""
    with torch.inference_mode():
        _prepack(network)


def prepacks_bfloat16() -> bool:
    """Whether torch has oneDNN, and this CPU the instructions by which oneDNN reads bfloat16 (AVX-512 or AVX-NE-CONVERT).

    Elsewhere the operators of `PrepackedLinear` raise, and torch's own layers compute.
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(has_onednn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def prepacks_float32() -> bool:
    """Whether torch has oneDNN and the CPU the vectors it is written for; others have torch's own layers.

    A CPU that has VNNI and no bfloat16 would compute faster still in integers of 8 bits: one more way to lay weights out.
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(has_onednn and torch.backends.cpu.get_cpu_capability() in ONEDNN_VECTORS)  # type: ignore[no-untyped-call]


def _prepack(module: nn.Module) -> None:
    layer = getattr(module, "dense", None)
    if type(layer) is nn.Linear and isinstance(getattr(module, "intermediate_act_fn", None), GELUActivation):
        module.dense, module.intermediate_act_fn = PrepackedLinear(layer, gelu=True), nn.Identity()
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, PrepackedLinear(child))
        else:
            _prepack(child)


def tiled_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    tiles: tuple[Tile, ...] | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (1, heads, tokens, width) within each tile, as (1, tokens, heads, width).

    Tokens of no tile get zeros. A batch without tiles is left to torch.
    """
    if tiles is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    _, heads, tokens, width = query.shape
    scaling = options.get("scaling") or width**-0.5
    found = query.new_zeros(tokens, heads, width)
    for tile in tiles:
        attended = _by_products if query.dtype is torch.bfloat16 and _length(tile.tokens) > FEW else _by_torch
        found[tile.tokens] = attended(query, key, value, tile, scaling)[0].transpose(0, 1)
    return found.unsqueeze(0), None


def _by_torch(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, tile: Tile, scaling: float) -> torch.Tensor:
    """Softmax of the scores times the values, of (1, heads, tokens, width), for the tokens of the tile."""
    queries, keys, values = (states[:, :, tile.tokens] for states in (query, key, value))
    return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=tile.same_text, scale=scaling)


def _by_products(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, tile: Tile, scaling: float
) -> torch.Tensor:
    """As `_by_torch`, which is slower where the tile has more than a few tokens.

    Exponentials are taken of the scores as they are, and divided by their sum at the end: that saves a pass to find each row's
    highest score, which only keeps the exponentials in range. Where they leave it, torch computes.
    """
    read = _widened(tile.tokens, query.shape[2])
    own = slice(tile.tokens.start - read.start, tile.tokens.stop - read.start)
    queries, keys, values = (states[0, :, read] for states in (query, key, value))
    weights = torch.baddbmm(
        queries.new_empty(1), queries, keys.transpose(1, 2), beta=0, alpha=scaling * math.log2(math.e)
    ).exp2_()
    weights[..., : own.start] = weights[..., own.stop :] = 0
    if tile.same_text is not None:
        weights[:, own, own].mul_(tile.same_text)
    sums = weights[:, own].sum(-1, keepdim=True)
    if not _in_range(sums):
        return _by_torch(query, key, value, tile, scaling)
    return torch.bmm(weights, values)[:, own].div_(sums).unsqueeze(0)


def _length(tokens: slice) -> int:
    return int(tokens.stop - tokens.start)


def _widened(tokens: slice, width: int) -> slice:
    """These tokens and some beside them, so that few sizes occur: oneDNN keeps memory for each."""
    size = min(width, -(-_length(tokens) // SIZE_STEP) * SIZE_STEP)
    start = min(tokens.start, width - size)
    return slice(start, start + size)


def _in_range(sums: torch.Tensor) -> bool:
    """Whether no exponential overflowed, and none that counts came close to zero."""
    range_ = torch.finfo(sums.dtype)
    lowest, highest = (float(bound) for bound in torch.aminmax(sums))
    return range_.tiny**0.5 < lowest and highest < range_.max


AttentionInterface.register(ATTENTION, tiled_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
