from __future__ import annotations

from apps.retrieval.context import CHARACTERS, MIN_SCORE, context_build
from tests.apps.retrieval.making import passage


def test_the_best_passages_are_taken_as_long_as_they_fit() -> None:
    passages = [passage("x" * 40, score=0.9), passage("y" * 40, score=0.8), passage("z" * 40, score=0.7)]
    assert context_build(passages, characters=80) == tuple(passages[:2])
    assert context_build(passages) == tuple(passages)


def test_a_passage_that_has_nothing_to_do_with_the_question_is_left_out() -> None:
    near, far = passage("near", score=MIN_SCORE), passage("far", score=MIN_SCORE - 0.01)
    assert context_build([near, far]) == (near,)
    assert context_build([far]) == ()


def test_a_passage_that_is_too_long_does_not_hide_those_after_it() -> None:
    huge, small = passage("x" * (CHARACTERS + 1), score=0.9), passage("small", score=0.8)
    assert context_build([huge, small]) == (small,)
