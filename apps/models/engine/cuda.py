"""What makes a network faster on CUDA: texts packed in one row, and batches under way beside the one that is being prepared.

`varlen_attn` of torch computes attention within each text of a row at once, in half precision, on cards that Flash Attention is
written for. Not run on CUDA yet: the tests put a reference on the CPU in the place of that one function.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from apps.models.engine.transfers import Transfers

ATTENTION = "ragsite_segments"
AMPERE = (8, 0)
"""The compute capability from which on cards have Flash Attention."""
WIDEST_HEAD = 256
HEAD_STEP = 8


@dataclass(frozen=True, slots=True)
class Segments:
    """The texts of a row: `bounds`, int32 of shape (texts + 1), are where each begins and the last one ends."""

    bounds: torch.Tensor
    longest: int


def packs_on_cuda(config: Any, *, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether `varlen_attn` can compute this network's attention on this card."""
    return attends(config, dtype=dtype) and torch.cuda.get_device_capability(device) >= AMPERE


def attends(config: Any, *, dtype: torch.dtype) -> bool:
    """Whether the kernel takes these numbers, and heads of this width."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return dtype in (torch.bfloat16, torch.float16) and width <= WIDEST_HEAD and width % HEAD_STEP == 0


def segment_inputs(
    texts: Sequence[Sequence[int]],
    *,
    first_position: int,
    types: Sequence[Sequence[int]] | None,
    transfers: Transfers,
) -> dict[str, Any]:
    """What a network with this attention takes for the texts end to end, in two copies to the device."""
    bounds = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in texts], out=bounds[1:])
    lengths = np.diff(bounds)
    rows = [_end_to_end(texts, bounds), np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths) + first_position]
    if types is not None:
        rows.append(_end_to_end(types, bounds))
    names = ("input_ids", "position_ids", "token_type_ids")
    given = dict(zip(names, transfers.upload(np.stack(rows)).unsqueeze(1), strict=False))
    return {**given, "segments": Segments(transfers.upload(bounds), int(lengths.max()))}


def _end_to_end(parts: Sequence[Sequence[int]], bounds: np.ndarray) -> np.ndarray:
    return np.fromiter(chain.from_iterable(parts), dtype=np.int64, count=int(bounds[-1]))


def segment_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    segments: Segments | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (1, heads, tokens, width) within each segment, as (1, tokens, heads, width).

    A batch without segments is left to torch.
    """
    if segments is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    queries, keys, values = (states[0].transpose(0, 1) for states in (query, key, value))
    bounds, longest = segments.bounds, segments.longest
    found = varlen_attn(queries, keys, values, bounds, bounds, longest, longest, scale=options.get("scaling"))
    return cast(torch.Tensor, found).unsqueeze(0), None


class CudaTransfers:
    """Copies by way of pinned memory, which nobody waits for but who needs the result.

    Each lane is a CUDA stream. They are made once, since torch's allocator keeps memory for each stream apart.
    """

    def __init__(self, device: torch.device, *, lanes: int) -> None:
        self._device = device
        self._lanes: queue.LifoQueue[torch.cuda.Stream] = queue.LifoQueue()
        for _ in range(lanes):
            self._lanes.put(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]

    @contextmanager
    def lane(self) -> Iterator[None]:
        stream = self._lanes.get()
        try:
            with torch.cuda.stream(stream):
                yield
        finally:
            self._lanes.put(stream)

    def upload(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(numbers).pin_memory().to(self._device, non_blocking=True)

    def download(self, found: torch.Tensor) -> np.ndarray:
        """The thread sleeps until the copy is there, so that others have its core; what went wrong there is raised here."""
        pinned = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
        pinned.copy_(found, non_blocking=True)
        copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        copied.record()
        copied.synchronize()
        rows: np.ndarray = pinned.numpy()
        return rows

    def settle(self) -> None:
        torch.cuda.synchronize(self._device)


AttentionInterface.register(ATTENTION, segment_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
