"""How good a ranking is. Pure.

A ranking is a list of keys, best first, each at most once. `relevant` gives the grade of each relevant key, 1 or more;
whatever is not in it is not relevant. All figures lie between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Grades = Mapping[str, int]


def ndcg(ranking: Sequence[str], relevant: Grades, *, k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`: the gain is the grade, the discount log2(rank + 1).

    As `ndcg_cut` of trec_eval and so of BEIR. Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques,
    ACM TOIS 20(4), 2002; with the discount from the first rank on, as Burges et al. (ICML 2005) have it.
    """
    best = _discounted(sorted(relevant.values(), reverse=True)[:k])
    return _discounted(relevant.get(key, 0) for key in ranking[:k]) / best if best else 0.0


def recall(ranking: Sequence[str], relevant: Grades, *, k: int) -> float:
    """The share of the relevant keys that are among the first `k`."""
    return sum(key in relevant for key in ranking[:k]) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Grades) -> float:
    """1 / the rank of the first relevant key; its mean over questions is MRR (Voorhees, TREC-8, 1999)."""
    return next((1 / rank for rank, key in enumerate(ranking, start=1) if key in relevant), 0.0)


def average_precision(ranking: Sequence[str], relevant: Grades) -> float:
    """The mean, over all relevant keys, of the precision at the rank of each, 0 for one that is not in the ranking.

    Its mean over questions is MAP: Manning, Raghavan & Schütze, Introduction to Information Retrieval, 8.4.
    """
    ranks = [rank for rank, key in enumerate(ranking, start=1) if key in relevant]
    return sum(found / rank for found, rank in enumerate(ranks, start=1)) / len(relevant) if relevant else 0.0


def measure(ranking: Sequence[str], relevant: Grades, *, k: int, depth: int) -> dict[str, float]:
    """All figures of one question by name. nDCG is cut at `k`, recall at `k` and at `depth`; the rest sees all."""
    return {
        f"ndcg@{k}": ndcg(ranking, relevant, k=k),
        f"recall@{k}": recall(ranking, relevant, k=k),
        f"recall@{depth}": recall(ranking, relevant, k=depth),
        "mrr": reciprocal_rank(ranking, relevant),
        "map": average_precision(ranking, relevant),
    }


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure over the questions, every question counting alike; nothing for no questions."""
    names = rows[0] if rows else ()
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in names}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least that share of the values do not exceed (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _discounted(gains: Iterable[int]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
