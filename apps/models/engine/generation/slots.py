"""Keys and values of the tokens that were read and written, in a fixed number of slots of a fixed length.

A slot that is given back keeps what it holds until it is taken again, so that a prompt that begins as another one did is
computed from where they part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class SlotShape:
    """How much a slot holds: `width` is of one head's keys, and of its values."""

    layers: int
    heads: int
    width: int
    tokens: int

    @classmethod
    def of(cls, config: Any, *, tokens: int) -> SlotShape:
        """That of a transformers configuration."""
        heads = config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // heads
        grouped = getattr(config, "num_key_value_heads", None) or heads
        return cls(config.num_hidden_layers, grouped, width, tokens)

    @property
    def numbers(self) -> int:
        """Of one slot."""
        return 2 * self.layers * self.heads * self.width * self.tokens


class Slots:
    """The memory of the batch: `keys` and `values`, each of shape (layers, slots, heads, tokens, width).

    Used by the one thread that computes.
    """

    def __init__(self, shape: SlotShape, count: int, *, dtype: torch.dtype, device: torch.device) -> None:
        self.shape, self.count = shape, count
        self.keys, self.values = self._memory(dtype, device), self._memory(dtype, device)
        self._held: list[list[int]] = [[] for _ in range(count)]
        self._free: list[int] = list(range(count))  # Least recently used first.

    def _memory(self, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        shape = self.shape
        size = (shape.layers, self.count, shape.heads, shape.tokens, shape.width)
        return torch.empty(size, dtype=dtype, device=device)

    @property
    def free(self) -> int:
        """How many may be taken."""
        return len(self._free)

    def held(self, slot: int) -> Sequence[int]:
        """The tokens whose keys and values are there, in order."""
        return self._held[slot]

    def take(self, tokens: Sequence[int]) -> int:
        """A free slot: the one that begins most like these tokens, else the one unused for longest."""
        slot = max(self._free, key=lambda slot: common(self._held[slot], tokens))
        self._free.remove(slot)
        return slot

    def reuse(self, slot: int, tokens: Sequence[int]) -> None:
        """Let a slot hold as much of the beginning of these tokens as any slot does."""
        best = max(range(len(self._held)), key=lambda other: (common(self._held[other], tokens), other == slot))
        length = common(self._held[best], tokens)
        if best != slot:
            for states in (self.keys, self.values):
                states[:, slot, :, :length] = states[:, best, :, :length]
        self._held[slot] = list(tokens[:length])

    def extend(self, slot: int, tokens: Sequence[int]) -> None:
        """Note that the keys and values of further tokens are there now."""
        self._held[slot].extend(tokens)

    def give_back(self, slot: int) -> None:
        """Let others take it."""
        self._free.append(slot)

    def forget(self, slot: int) -> None:
        """Use nothing of what is there: a step that wrote into it has failed."""
        self._held[slot] = []


class SharedSlots(Slots):
    """Slots that lie end to end, token by token, so that one kernel reads them all, with one more place that is no slot's.

    `bounds`, int32 of shape (slots + 1,), are where each slot begins and the last one ends.
    """

    def __init__(self, shape: SlotShape, count: int, *, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__(shape, count, dtype=dtype, device=device)
        self.bounds = torch.arange(count + 1, dtype=torch.int32, device=device) * shape.tokens

    @property
    def spare(self) -> int:
        """The place that is no slot's."""
        return self.count * self.shape.tokens

    def end_to_end(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """A layer of `keys` or `values` as it lies in memory: (tokens of all slots + 1, heads, width)."""
        shape = self.shape
        size = (self.spare + 1, shape.heads, shape.width)
        return states.as_strided(size, (shape.heads * shape.width, shape.width, 1), states[layer].storage_offset())

    def _memory(self, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        shape = self.shape
        # Zeros: the kernel reads whole blocks, and what is behind a slot's use must be numbers.
        memory = torch.zeros((shape.layers, self.spare + 1, shape.heads, shape.width), dtype=dtype, device=device)
        by_slot = memory[:, :-1].view(shape.layers, self.count, shape.tokens, shape.heads, shape.width)
        return by_slot.transpose(2, 3)


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    length = min(len(one), len(other))
    if list(one[:length]) == list(other[:length]):
        return length
    return next(place for place in range(length) if one[place] != other[place])
