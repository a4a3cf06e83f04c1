"""What `varlen_attn` of torch computes, on a CPU, with the demands that the kernel makes of its inputs."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch.nn.functional import scaled_dot_product_attention


def varlen_reference(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    *,
    scale: float | None = None,
    window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
    seqused_k: torch.Tensor | None = None,
) -> torch.Tensor:
    """Sequence by sequence, of (tokens, heads, width). Queries of no sequence get no numbers."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert len(cu_seq_q) == len(cu_seq_k)
    assert all(states.stride(-1) == 1 for states in (query, key, value))
    assert enable_gqa or query.shape[1] == key.shape[1]
    used = torch.diff(cu_seq_k) if seqused_k is None else seqused_k
    assert used.dtype == torch.int32
    assert int(torch.diff(cu_seq_q).max()) <= max_q
    assert int(used.max()) <= max_k
    found = torch.full_like(query, torch.nan)
    for place, (start, end) in enumerate(pairwise(cu_seq_q.tolist())):
        first = int(cu_seq_k[place])
        keys, values = (states[first : first + int(used[place])].transpose(0, 1) for states in (key, value))
        seen = _seen(end - start, keys.shape[1], window_size)
        attended = scaled_dot_product_attention(
            query[start:end].transpose(0, 1), keys, values, attn_mask=seen, scale=scale, enable_gqa=enable_gqa
        )
        found[start:end] = attended.transpose(0, 1)
    return found


def _seen(queries: int, keys: int, window_size: tuple[int, int]) -> torch.Tensor:
    """The last query stands where the last key does; -1 is no bound."""
    left, right = window_size
    apart = torch.arange(keys)[None] - torch.arange(keys - queries, keys)[:, None]
    seen = torch.ones_like(apart, dtype=torch.bool)
    if left >= 0:
        seen &= apart >= -left
    if right >= 0:
        seen &= apart <= right
    return seen
