"""The hidden states of several texts' tokens, end to end, and what is taken out of them without a loop over texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from apps.models.engine.transfers import HostTransfers, Transfers
from apps.models.modules import Pooling


class States:
    """`tokens` has shape (tokens, width); the texts, of so many tokens each, come one after another."""

    def __init__(self, tokens: torch.Tensor, lengths: Sequence[int], transfers: Transfers | None = None) -> None:
        self.tokens = tokens
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.ends = np.cumsum(self.lengths)
        self.starts = self.ends - self.lengths
        self.transfers = transfers or HostTransfers()

    def at(self, places: np.ndarray) -> torch.Tensor:
        """The states of the tokens at these places: (places, width)."""
        return self.tokens.index_select(0, self.transfers.upload(places))

    def firsts(self) -> torch.Tensor:
        """Those of each text's first token."""
        return self.at(self.starts)

    def lasts(self) -> torch.Tensor:
        """Those of each text's last token."""
        return self.at(self.ends - 1)


def pool(states: States, pooling: Pooling, *, left_out: Sequence[int]) -> torch.Tensor:
    """One vector a text, in float32, without the states of its first `left_out` tokens.

    Of a text that its prompt leaves no room for, the last token stays. Weights of a weighted mean are the tokens' places,
    counted from 1 with those left out.
    """
    if pooling is Pooling.LAST:
        return states.lasts().float()
    begins = states.starts + np.minimum(np.asarray(left_out, dtype=np.int64), np.maximum(states.lengths - 1, 0))
    if pooling is Pooling.CLS:
        return states.at(begins).float()
    return _bags(states, pooling, begins)


def _bags(states: States, pooling: Pooling, begins: np.ndarray) -> torch.Tensor:
    """Each text's tokens from these places on are a bag that torch sums up, or takes the largest numbers of."""
    counts = states.ends - begins
    bounds = np.cumsum(counts) - counts
    kept = np.arange(counts.sum()) + np.repeat(begins - bounds, counts)
    weights = None
    if pooling is not Pooling.MAX:
        owners = np.repeat(np.arange(len(counts)), counts)
        weights = states.transfers.upload(_weights(states, pooling, kept, owners, counts))
    return functional.embedding_bag(
        states.transfers.upload(kept),
        states.tokens.float(),
        states.transfers.upload(bounds),
        mode="max" if weights is None else "sum",
        per_sample_weights=weights,
    )


def _weights(states: States, pooling: Pooling, kept: np.ndarray, owners: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What each of the tokens counts in the vector of the text that owns it."""
    match pooling:
        case Pooling.MEAN:
            weights = (1 / counts)[owners]
        case Pooling.MEAN_SQRT:
            weights = (1 / np.sqrt(counts))[owners]
        case Pooling.WEIGHTED_MEAN:
            places = kept - states.starts[owners] + 1
            weights = places / np.bincount(owners, weights=places)[owners]
        case _:
            raise ValueError(f"{pooling} weighs no tokens")
    return np.asarray(weights, dtype=np.float32)
