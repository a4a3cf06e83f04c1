from __future__ import annotations

from apps.retrieval.answers.drafting import CHARACTERS, MIN_SIMILARITY, context_build
from apps.retrieval.search.fusion import Scores
from tests.apps.retrieval.making import passage


def test_the_best_passages_are_taken_as_long_as_they_fit() -> None:
    passages = [passage("x" * 40, score=0.9), passage("y" * 40, score=0.8), passage("z" * 40, score=0.7)]
    assert context_build(passages, most=80) == tuple(passages[:2])
    assert context_build(passages) == tuple(passages)


def test_a_passage_that_has_nothing_to_do_with_the_question_is_left_out() -> None:
    near = passage("near", scores=Scores(dense=MIN_SIMILARITY))
    far = passage("far", scores=Scores(dense=MIN_SIMILARITY - 0.01, lexical=0.2))
    assert context_build([near, far]) == (near,)
    assert context_build([far]) == ()


def test_a_passage_that_words_alone_found_is_taken_however_far_its_meaning_is() -> None:
    by_words = passage("XR-2041", scores=Scores(dense=-0.2, lexical=3.1, lexical_rank=1))
    without_vectors = passage("XR-2042", scores=Scores(lexical=1.0, lexical_rank=2))
    assert context_build([by_words, without_vectors]) == (by_words, without_vectors)


def test_a_passage_that_is_too_long_does_not_hide_those_after_it() -> None:
    huge, small = passage("x" * (CHARACTERS + 1), score=0.9), passage("small", score=0.8)
    assert context_build([huge, small]) == (small,)
