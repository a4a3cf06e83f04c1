"""Texts of a batch end to end in one row ("sequence packing"), so that nothing is computed for padding.

Each text's positions start over, and its tokens attend only to each other. Attention is computed tile by tile: a tile is one
text, or several short ones, of which many would cost more in calls than in arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch

from apps.models.checkpoint import OFFSET_POSITIONS

FAMILIES = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})
"""Model types in which a token knows its position from `position_ids`, and the others only by plain attention."""

SHORT = 64
"""Tokens that short texts have together, at most, to share a tile."""

WIDTH_STEP = 16
"""The narrowest rows, and what is between them."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Tokens between which attention is computed at once: those of one text, or of a few short ones.

    `same_text`, of shape (tokens, tokens), then says of which the two are of one text; None where there is but one.
    """

    tokens: slice
    same_text: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class PackedRow:
    """What a network takes: `ids` and `positions` of shape (1, width), of which the first `tokens` are the texts'."""

    ids: torch.Tensor
    positions: torch.Tensor
    types: torch.Tensor | None
    tiles: tuple[Tile, ...]
    tokens: int

    def inputs(self) -> dict[str, Any]:
        """As keyword arguments of a network that computes attention by `tiles`."""
        given = {"input_ids": self.ids, "position_ids": self.positions, "tiles": self.tiles}
        return given if self.types is None else {**given, "token_type_ids": self.types}


def first_position(config: Any) -> int | None:
    """The number of a text's first position, if texts of such a network can be packed."""
    if config.model_type not in FAMILIES or getattr(config, "is_decoder", False):
        return None
    return int(config.pad_token_id or 0) + 1 if config.model_type in OFFSET_POSITIONS else 0


def pack(
    texts: Sequence[Sequence[int]],
    *,
    first_position: int,
    filler: int,
    types: Sequence[Sequence[int]] | None = None,
) -> PackedRow:
    """Lay the texts' tokens end to end, and fill the row up with `filler` to a usual width.

    `types` are the tokens' types, where the network knows several. The filling belongs to no tile.
    """
    lengths = [len(text) for text in texts]
    tokens = sum(lengths)
    width = row_width(tokens)
    positions = [range(first_position, first_position + length) for length in lengths]
    return PackedRow(
        ids=_row(texts, width=width, filler=filler),
        positions=_row(positions, width=width, filler=first_position),
        types=None if types is None else _row(types, width=width, filler=0),
        tiles=tuple(_tiles(lengths)),
        tokens=tokens,
    )


def row_width(tokens: int) -> int:
    """The width of a row with so many tokens: few widths occur, as torch keeps memory for each, and none is much wider."""
    step = max(WIDTH_STEP, 1 << max(0, tokens.bit_length() - 4))
    return -(-tokens // step) * step


def _row(parts: Sequence[Sequence[int]], *, width: int, filler: int) -> torch.Tensor:
    """The numbers of all parts end to end, filled up: (1, width)."""
    numbers = chain(chain.from_iterable(parts), repeat(filler))
    return torch.from_numpy(np.fromiter(numbers, dtype=np.int64, count=width)).unsqueeze(0)


def _tiles(lengths: Sequence[int]) -> Iterator[Tile]:
    start = 0
    for shared in _neighbours(lengths):
        end = start + sum(shared)
        yield Tile(slice(start, end), _same_text(shared) if len(shared) > 1 else None)
        start = end


def _neighbours(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The lengths of the texts of each tile."""
    shared: list[int] = []
    for length in lengths:
        if shared and sum(shared) + length > SHORT:
            yield shared
            shared = []
        shared.append(length)
    yield shared


def _same_text(lengths: Sequence[int]) -> torch.Tensor:
    owners = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return owners.unsqueeze(1) == owners
