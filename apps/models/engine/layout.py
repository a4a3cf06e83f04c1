"""How a CPU without bfloat16 computes texts fastest, told by trying each way once, at loading.

With bfloat16 it is known: texts in a row, whose attention is computed by products, and weights laid out. In float32 attention is
torch's own either way, and the library of products that torch prefers is as fast as oneDNN on some CPUs and slower on others.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from apps.models.engine.cpu import prepacks_float32, weights_lay_out

LENGTHS = (96, 93, 90, 87)
"""Of the texts of a trial: as alike as those of a padded batch are."""

CLEARLY = 0.9
"""Another way must need no more than this share of the row's time: what is about as fast gets the same answer at every start."""

TRIES = 3

Compute = Callable[[], object]


class Layout(enum.Enum):
    """Texts in one row, in one row through weights laid out for oneDNN, or one row each, padded to the longest."""

    ROW = "row"
    LAID_OUT_ROW = "laid out row"
    PADDED = "padded"


def layout_choose(encoder: Any, *, row: Compute, padded: Compute) -> Layout:
    """What computes one layer of the encoder fastest; `row` and `padded` compute a few texts. It takes under a second.

    It is tried by one core on a thread of its own, and only that thread's processor time counts: what else the machine does makes
    no difference.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_tried, encoder, row, padded).result()


def _tried(encoder: Any, row: Compute, padded: Compute) -> Layout:
    with _one_core(), _first_layer(encoder), torch.inference_mode():
        seconds = {Layout.ROW: _seconds(row), Layout.PADDED: _seconds(padded)}
        if prepacks_float32():
            weights_lay_out(encoder.encoder)
            seconds[Layout.LAID_OUT_ROW] = _seconds(row)
    return _fastest(seconds)


def _fastest(seconds: Mapping[Layout, float]) -> Layout:
    best = min(seconds, key=seconds.__getitem__)
    return best if seconds[best] <= CLEARLY * seconds[Layout.ROW] else Layout.ROW


def _seconds(compute: Compute) -> float:
    """Of processor time, the least of a few tries after a first one."""
    compute()
    return min(_once(compute) for _ in range(TRIES))


def _once(compute: Compute) -> float:
    started = time.thread_time()
    compute()
    return time.thread_time() - started


@contextmanager
def _one_core() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _first_layer(encoder: Any) -> Iterator[None]:
    """Let the network be a copy of its first layer: the others would take as long, each way."""
    layers = encoder.encoder.layer
    encoder.encoder.layer = nn.ModuleList([deepcopy(layers[0])])
    try:
        yield
    finally:
        encoder.encoder.layer = layers
