"""Whether two runs differ by more than chance, and how sure a mean is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

EXACT_UP_TO = 14
SAMPLES = 10_000
SEED = 20_221
RESAMPLES, OUTSIDE = 2_000, 0.05
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


def mean_intervals(rows: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """For each column the interval that holds the mean of its rows with 95 %: the percentile bootstrap over rows.

    2,000 resamples with a fixed seed, in which all columns of a row go together. Efron & Tibshirani, An introduction to the
    bootstrap, 1993, chapter 13; for retrieval, Sakai, Evaluating evaluation metrics based on the bootstrap, SIGIR 2006.
    """
    values = np.array(rows, dtype=np.float64)
    number = len(values)
    generator, alike = np.random.default_rng(SEED), np.full(number, 1 / number)
    sizes = [len(part) for part in np.array_split(np.empty(RESAMPLES), max(1, number * RESAMPLES // 10_000_000))]
    means = np.concatenate([generator.multinomial(number, alike, size=size) @ values / number for size in sizes])
    low, high = np.quantile(means, [OUTSIDE / 2, 1 - OUTSIDE / 2], axis=0)
    return [(float(one), float(other)) for one, other in zip(low, high, strict=True)]


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
