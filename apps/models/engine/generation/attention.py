"""Attention of several requests whose tokens lie in one row, each over its own slot.

The networks are transformers' own; only this function is put in the place of theirs. A row holds the next token of every text
that is being written and parts of prompts, so that each weight is read once a step for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface

from apps.models.engine.generation.slots import Slots

ATTENTION = "ragsite_slots"


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of one request in the row: `first` is their place in it, `start` their position in the request."""

    slot: int
    first: int
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.length)


@dataclass(slots=True)
class Row:
    """The spans of one step, and the masks of those that are longer than a token, which all layers share."""

    slots: Slots
    spans: Sequence[Span]
    masks: dict[tuple[int, int | None], torch.Tensor] = field(default_factory=dict)

    def mask(self, span: Span, *, seen_from: int, window: int | None, device: torch.device) -> torch.Tensor:
        """Which keys from `seen_from` on each token of the span sees: (length, keys)."""
        key = span.first, window
        if key not in self.masks:
            queries = torch.arange(span.start, span.end, device=device)[:, None]
            keys = torch.arange(seen_from, span.end, device=device)[None]
            seen = keys <= queries
            self.masks[key] = seen if window is None else seen & (keys > queries - window)
        return self.masks[key]


def slot_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    row: Row,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (1, heads, tokens, width), as (1, tokens, heads, width); the new keys and values go into the slots."""
    heads, tokens, width = query.shape[1:]
    scale = width**-0.5 if scaling is None else scaling
    found = query.new_empty(tokens, heads, width)
    for span in row.spans:
        keys, values = _of_slot(row.slots.keys, module, span, key), _of_slot(row.slots.values, module, span, value)
        seen_from = 0 if sliding_window is None else max(0, span.start - sliding_window + 1)
        mask = None
        if span.length > 1:
            mask = row.mask(span, seen_from=seen_from, window=sliding_window, device=query.device)
        attended = _attended(
            query[0, :, span.rows], keys[:, seen_from:], values[:, seen_from:], mask, scale=scale, softcap=softcap
        )
        found[span.rows] = attended.transpose(0, 1)
    return found.unsqueeze(0), None


def _of_slot(states: torch.Tensor, module: Any, span: Span, new: torch.Tensor) -> torch.Tensor:
    """What the slot holds in this layer with the span's own states put in: (heads, tokens, width)."""
    held = states[module.layer_idx, span.slot]
    held[:, span.start : span.end] = new[0, :, span.rows]
    return held[:, : span.end]


def _attended(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    scale: float,
    softcap: float | None,
) -> torch.Tensor:
    """Attention of queries (heads, length, width) to the keys of fewer heads: those that share one become rows of it."""
    heads, length, width = queries.shape
    groups = heads // keys.shape[0]
    rows = queries.reshape(keys.shape[0], groups * length, width)
    seen = None if mask is None else mask.repeat(groups, 1)
    if softcap is None:
        attended = nn.functional.scaled_dot_product_attention(
            rows[None], keys[None], values[None], attn_mask=seen, scale=scale
        )[0]
    else:
        attended = _softcapped(rows, keys, values, seen, scale=scale, softcap=softcap)
    return attended.reshape(heads, length, width)


def _softcapped(
    rows: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    seen: torch.Tensor | None,
    *,
    scale: float,
    softcap: float,
) -> torch.Tensor:
    """As Gemma 2 has it: scores are squeezed below a bound before the softmax."""
    scores = torch.tanh(rows @ keys.transpose(1, 2) * (scale / softcap)) * softcap
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype) @ values


AttentionInterface.register(ATTENTION, slot_attention)
