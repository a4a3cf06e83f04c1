from __future__ import annotations

from itertools import pairwise

import pytest

from apps.retrieval.search.candidates import LEAST, MOST, STEP, candidates_for


@pytest.mark.parametrize(
    ("vectors", "of_vectors", "of_bits"),
    [
        (0, 200, 200), (20_000, 200, 450), (40_000, 200, 600), (100_000, 200, 1_000), (100_499, 200, 1_000),
        (101_000, 250, 1_000), (300_000, 600, 1_850), (500_000, 1_000, 2_400), (1_000_000, 2_000, 3_550),
        (10**9, 5_000, 5_000),
    ],
)  # fmt: skip
def test_candidates_grow_with_the_vectors_within_bounds(vectors: int, of_vectors: int, of_bits: int) -> None:
    assert (candidates_for(vectors), candidates_for(vectors, quantised=True)) == (of_vectors, of_bits)


@pytest.mark.parametrize("quantised", [False, True])
def test_more_vectors_never_have_fewer_candidates_and_there_are_few_different_numbers(quantised: bool) -> None:
    found = [candidates_for(vectors, quantised=quantised) for vectors in range(0, 1_200_000, 997)]
    assert all(one <= next_one for one, next_one in pairwise(found))
    assert set(found) <= set(range(LEAST, MOST + 1, STEP))
