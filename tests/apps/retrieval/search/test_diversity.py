"""Maximal marginal relevance against brute force, and the vectors it compares."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from apps.documents.rights.access import AccessScope
from apps.retrieval.models import Embedding, IndexGeneration
from apps.retrieval.search.refining import chunk_similarities, mmr_order
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors

halves = st.integers(0, 8).map(lambda eighths: eighths / 8)


def mmr_by_hand(
    relevance: NDArray[np.float64], similarities: NDArray[np.float64], diversity: float, limit: int
) -> list[int]:
    """Straight from the formula, one passage after the other."""
    lowest = min([0.0, *relevance])
    width = max([0.0, *relevance]) - lowest
    worth = [(float(score) - lowest) / width if width else 1.0 for score in relevance]
    taken: list[int] = []
    while len(taken) < min(limit, len(worth)):
        left = [place for place in range(len(worth)) if place not in taken]
        gains = [
            (1 - diversity) * worth[place] - diversity * max((similarities[place][one] for one in taken), default=0.0)
            for place in left
        ]
        taken.append(left[gains.index(max(gains))])
    return taken


@st.composite
def passages(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    number = draw(st.integers(0, 7))
    relevance = np.array(draw(st.lists(halves, min_size=number, max_size=number)), dtype=np.float64)
    alike = np.array(draw(st.lists(halves, min_size=number**2, max_size=number**2))).reshape(number, number)
    return relevance * 8 - draw(st.sampled_from([0.0, 4.0, 8.0])), np.maximum(alike, alike.T)


@given(passages(), halves, st.integers(0, 9))
def test_the_order_is_that_of_the_formula(
    given_passages: tuple[NDArray[np.float64], NDArray[np.float64]], diversity: float, limit: int
) -> None:
    relevance, similarities = given_passages
    order = mmr_order(relevance, similarities, diversity=diversity, limit=limit)
    assert order == mmr_by_hand(relevance, similarities, diversity, limit)
    assert len(order) == len(set(order)) == min(limit, len(relevance))


def test_without_diversity_the_order_is_that_of_relevance() -> None:
    relevance = np.array([0.2, 0.9, 0.5, 0.9])
    assert mmr_order(relevance, np.ones((4, 4)), diversity=0.0, limit=4) == [1, 3, 2, 0]


def test_a_copy_of_what_is_shown_gives_way_to_something_new() -> None:
    alike = np.array([[1.0, 1.0, 0.1], [1.0, 1.0, 0.1], [0.1, 0.1, 1.0]])
    assert mmr_order(np.array([1.0, 0.99, 0.6]), alike, diversity=0.5, limit=2) == [0, 2]


def indexed_chunks(vectors: NDArray[np.float32]) -> tuple[AccessScope, IndexGeneration, list[int]]:
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    chunk_ids = Embedding.objects.filter(part_id=generation.pk).order_by("chunk").values_list("chunk", flat=True)
    return make.scope(base), generation, list(chunk_ids)


@pytest.mark.django_db
def test_similarities_are_the_cosines_of_the_stored_vectors() -> None:
    vectors = np.concatenate([unit_vectors(5), -unit_vectors(1)])
    scope, generation, chunk_ids = indexed_chunks(vectors)
    backwards = chunk_ids[::-1]
    found = chunk_similarities(backwards, scope=scope, generations=[generation])
    assert found == pytest.approx(np.clip(vectors[::-1] @ vectors[::-1].T, 0, 1), abs=2e-3)
    assert found.min() == 0.0


@pytest.mark.django_db
def test_chunks_of_different_generations_count_as_unlike_and_so_do_unknown_ones() -> None:
    one, other = unit_vectors(1), unit_vectors(1)
    first_scope, first, (a,) = indexed_chunks(one)
    _, second, (b,) = indexed_chunks(other)
    assert chunk_similarities([a, b, 0], scope=first_scope, generations=[first, second]) == pytest.approx(
        np.diag([1.0, 0.0, 0.0]), abs=2e-3
    )


@pytest.mark.django_db
def test_vectors_of_another_tenant_are_not_read() -> None:
    _, theirs, chunk_ids = indexed_chunks(unit_vectors(2))
    mine, _, _ = indexed_chunks(unit_vectors(1))
    assert not chunk_similarities(chunk_ids, scope=mine, generations=[theirs]).any()
    assert inspect.signature(chunk_similarities).parameters["scope"].default is inspect.Parameter.empty
