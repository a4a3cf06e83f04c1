"""Attention of all slots by one call of torch's `varlen_attn`, and the step that gives every text a token as one CUDA graph.

All slots lie end to end in memory, so the kernel is told where each begins, how much of it is used, and which tokens of the row
are its queries. Not run on CUDA yet: the tests put a reference on the CPU in the place of the kernel, and of the graph.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface

from apps.models.engine.cuda import AMPERE, attends
from apps.models.engine.generation.attention import Row, Span
from apps.models.engine.generation.slots import SharedSlots

logger = logging.getLogger(__name__)

ATTENTION = "ragsite_shared_slots"

Step = Callable[[], torch.Tensor]
Capture = Callable[[Step], Step]


@dataclass(frozen=True, slots=True)
class SharedRow:
    """The tokens of one step, in the order of their slots.

    `places`, int64 of shape (tokens,), say where in the slots' memory the keys of each go. `bounds`, int32 of shape (slots + 1,),
    are where each slot's queries begin in the row and the last ones end; `used`, int32 of shape (slots,), how many keys it holds.
    """

    slots: SharedSlots
    places: torch.Tensor
    bounds: torch.Tensor
    used: torch.Tensor
    longest: int


def shares_on_cuda(config: Any, *, dtype: torch.dtype, device: torch.device) -> bool:
    """Whether the kernel can compute this network's attention on this device."""
    return device.type == "cuda" and shares(config, dtype=dtype) and torch.cuda.get_device_capability(device) >= AMPERE


def shares(config: Any, *, dtype: torch.dtype) -> bool:
    """Whether the kernel takes these numbers and heads; it knows no scores that are squeezed below a bound, as Gemma 2's are."""
    return attends(config, dtype=dtype) and getattr(config, "attn_logit_softcapping", None) is None


def shared_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    row: SharedRow,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (1, heads, tokens, width), as (1, tokens, heads, width); the new keys and values go into the slots."""
    slots, layer = row.slots, module.layer_idx
    queries, new_keys, new_values = (states[0].transpose(0, 1) for states in (query, key, value))
    keys = slots.end_to_end(slots.keys, layer).index_copy_(0, row.places, new_keys)
    values = slots.end_to_end(slots.values, layer).index_copy_(0, row.places, new_values)
    found = varlen_attn(
        queries,
        keys,
        values,
        row.bounds,
        slots.bounds,
        row.longest,
        slots.shape.tokens,
        scale=scaling,
        # Never without a bound to the right: of single queries the kernel would then expect one in every slot.
        window_size=(-1 if sliding_window is None else sliding_window - 1, 0),
        enable_gqa=queries.shape[1] != keys.shape[1],
        seqused_k=row.used,
    )
    return cast(torch.Tensor, found).unsqueeze(0), None


class SharedForward:
    """Computes a step's row. One in which every text gets a token is a captured graph; there are some for few and many texts.

    Used by one thread. Where no graph can be captured, such steps are computed like all others.
    """

    def __init__(self, network: Any, slots: SharedSlots, *, capture: Capture) -> None:
        self._network = network
        self._slots = slots
        self._capture: Capture | None = capture
        self._graphs: dict[int, _Graph] = {}

    def __call__(self, row: Row, ids: list[int], *, last_of: Sequence[Span]) -> torch.Tensor:
        """The logits after the last token of these spans, on the device: (spans, vocabulary)."""
        step = _Numbers.of(self._slots, row.spans, ids)
        if all(span.length == 1 for span in row.spans) and (graph := self._graph(step)) is not None:
            return graph.run(step)[[span.first for span in last_of]]
        device = self._slots.keys.device
        ends = torch.tensor([span.first + span.length - 1 for span in last_of], dtype=torch.long, device=device)
        numbers, counts = _upload(step.numbers, device), _upload(step.counts, device)
        return _computed(self._network, self._slots, numbers, counts, step.longest, keep=ends)

    def _graph(self, step: _Numbers) -> _Graph | None:
        if self._capture is None:
            return None
        size = self._slots.count if step.tokens > self._slots.count // 2 else 1 << (step.tokens - 1).bit_length()
        if size not in self._graphs:
            try:
                self._graphs[size] = _Graph(self._network, self._slots, step, size=size, capture=self._capture)
            except RuntimeError:
                logger.warning("The step of %d texts could not be captured as a graph", size, exc_info=True)
                self._capture = None
        return self._graphs.get(size)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What a step needs, in this process's memory: ids, positions and places of its tokens; bounds and use of the slots."""

    numbers: torch.Tensor
    counts: torch.Tensor
    longest: int

    @property
    def tokens(self) -> int:
        return self.numbers.shape[1]

    @classmethod
    def of(cls, slots: SharedSlots, spans: Sequence[Span], ids: Sequence[int]) -> _Numbers:
        """Of spans that come in the order of their slots."""
        positions = np.concatenate([np.arange(span.start, span.end) for span in spans])
        begins = np.repeat([span.slot * slots.shape.tokens for span in spans], [span.length for span in spans])
        asking, used = np.zeros(slots.count, dtype=np.int32), np.zeros(slots.count, dtype=np.int32)
        for span in spans:
            asking[span.slot], used[span.slot] = span.length, span.end
        numbers = np.stack([np.asarray(ids), positions, begins + positions])
        counts = np.concatenate([[0], np.cumsum(asking), used]).astype(np.int32)
        return cls(torch.from_numpy(numbers), torch.from_numpy(counts), int(asking.max()))

    def widened(self, size: int, *, spare: int) -> torch.Tensor:
        """The numbers of `size` tokens; those that are no slot's put their keys into a spare place."""
        filling = torch.zeros(3, size - self.tokens, dtype=self.numbers.dtype)
        filling[2] = spare
        return torch.cat([self.numbers, filling], dim=1)


def _upload(numbers: torch.Tensor, device: torch.device) -> torch.Tensor:
    return numbers.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else numbers


class _Graph:
    """The step of up to `size` texts with one token each, whose inputs always lie in the same place."""

    def __init__(self, network: Any, slots: SharedSlots, first: _Numbers, *, size: int, capture: Capture) -> None:
        self._device, self._spare, self._size = slots.keys.device, slots.spare, size
        self._numbers = first.widened(size, spare=slots.spare).to(self._device)
        self._counts = first.counts.to(self._device, copy=True)
        self._replay = capture(lambda: _computed(network, slots, self._numbers, self._counts, 1, keep=0))

    def run(self, step: _Numbers) -> torch.Tensor:
        """The logits of the texts; they are valid until the next run."""
        self._numbers.copy_(_upload(step.widened(self._size, spare=self._spare), self._device))
        self._counts.copy_(_upload(step.counts, self._device))
        return self._replay()


def _computed(
    network: Any,
    slots: SharedSlots,
    numbers: torch.Tensor,
    counts: torch.Tensor,
    longest: int,
    *,
    keep: torch.Tensor | int,
) -> torch.Tensor:
    """The logits after the tokens at `keep`, where 0 means all."""
    ids, positions, places = numbers.unbind()
    row = SharedRow(slots, places, counts[: slots.count + 1], counts[slots.count + 1 :], longest)
    with torch.inference_mode():
        answer = network(
            input_ids=ids[None], position_ids=positions[None], use_cache=False, logits_to_keep=keep, row=row
        )
    logits: torch.Tensor = answer.logits[0]
    return logits


def cuda_capture(step: Step) -> Step:
    """The step as a CUDA graph. It is run before on a stream beside, where kernels are chosen and their memory is taken.

    Raises:
        RuntimeError: something in it cannot be captured.
    """
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        step()
        step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    # What other threads of the process do on the device meanwhile is none of this capture's business.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        found = step()

    def replay() -> torch.Tensor:
        graph.replay()
        return found

    return replay


AttentionInterface.register(ATTENTION, shared_attention)
