"""Whether two runs differ by more than chance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

EXACT_UP_TO = 14
SAMPLES = 10_000
SEED = 20_221
ROUNDING = 1e-12


def randomisation_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of Fisher's paired randomisation test on the mean of paired differences.

    If the two runs were alike, each difference could as well have the other sign: p is the share of all choices of signs
    whose mean is at least as far from 0. Up to 14 pairs that differ every choice is counted; beyond, 10,000 are drawn
    with a fixed seed and the observed one is counted among them. Smucker, Allan & Carterette, A comparison of statistical
    significance tests for information retrieval evaluation, CIKM 2007.
    """
    values = np.array([difference for difference in differences if difference], dtype=np.float64)
    if not len(values):
        return 1.0
    observed = abs(values.sum()) - ROUNDING
    if len(values) <= EXACT_UP_TO:
        return float(np.mean(np.abs(_all_signs(len(values)) @ values) >= observed))
    as_far = sum(int(np.sum(np.abs(signs @ values) >= observed)) for signs in _drawn_signs(len(values)))
    return (as_far + 1) / (SAMPLES + 1)


def _all_signs(number: int) -> np.ndarray:
    """Every choice of signs: (2**number, number) of -1 and 1."""
    choices = np.arange(2**number)[:, None] >> np.arange(number) & 1
    signs: np.ndarray = choices * 2 - 1
    return signs


def _drawn_signs(number: int) -> Iterator[np.ndarray]:
    """SAMPLES choices of signs in parts, so that many questions do not need much memory at once."""
    generator = np.random.default_rng(SEED)
    parts = max(1, number * SAMPLES // 10_000_000)
    sizes = [len(part) for part in np.array_split(np.empty(SAMPLES), parts)]
    for size in sizes:
        yield generator.integers(0, 2, (size, number), dtype=np.int8) * 2 - 1
