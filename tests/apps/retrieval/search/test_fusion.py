from __future__ import annotations

from apps.retrieval.search.fusion import fuse_by_score
from tests.apps.retrieval.making import passage


def test_the_best_of_all_lists_come_first() -> None:
    one = [passage("a", chunk_id=1, score=0.9), passage("b", chunk_id=2, score=0.2)]
    other = [passage("c", chunk_id=3, score=0.5), passage("d", chunk_id=4, score=-0.1)]
    assert [found.text for found in fuse_by_score([one, other], limit=3)] == ["a", "c", "b"]


def test_what_is_equally_near_comes_in_a_fixed_order() -> None:
    alike = [passage(str(number), chunk_id=number, score=0.5) for number in (3, 1, 2)]
    for order in (alike, alike[::-1]):
        assert [found.chunk_id for found in fuse_by_score([order[:1], order[1:]], limit=9)] == [1, 2, 3]


def test_no_lists_and_empty_lists_give_nothing() -> None:
    assert fuse_by_score([], limit=5) == fuse_by_score([[], []], limit=5) == ()
