"""Bringing the legs of a search into one order. Pure.

Convex: Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval" (2023). A leg's scores are divided by its
best one, the theoretical minimum of both legs being 0 for what has nothing to do with a question, so that a share means the
same whatever else was found. Reciprocal ranks: Cormack, Clarke and Büttcher (2009).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings

RANK_OFFSET = 60
"""The k of reciprocal rank fusion."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk and its score in one leg: the cosine similarity of the vectors, or BM25."""

    chunk_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg found, best first, and of every chunk it knows of the score and the share, 0 to 1, of the best score.

    A leg that is partial could not look at the chunks that it has no score of.
    """

    hits: tuple[Hit, ...] = ()
    scores: Mapping[int, float] = field(default_factory=dict)
    shares: Mapping[int, float] = field(default_factory=dict)
    is_partial: bool = False

    @property
    def ranks(self) -> dict[int, int]:
        """From 1, of the chunks that the leg found."""
        return {hit.chunk_id: rank for rank, hit in enumerate(self.hits, start=1)}


def leg_of(hits: Sequence[Hit], others: Mapping[int, float]) -> Leg:
    """A leg that found `hits`, best first; `others` are its scores for chunks that it did not find but that others did."""
    scores = {**others, **{hit.chunk_id: hit.score for hit in hits}}
    best = max(scores.values(), default=0.0)
    shares = {chunk_id: max(score, 0.0) / best for chunk_id, score in scores.items()} if best > 0 else {}
    return Leg(tuple(hits), scores, shares)


def legs_joined(legs: Sequence[Leg], *, limit: int) -> Leg:
    """Legs whose scores can't be compared, such as cosines of different models, as one that ranks by their shares."""
    if len(legs) == 1:
        return legs[0]
    shares = {chunk_id: share for leg in legs for chunk_id, share in leg.shares.items()}
    hits = [Hit(hit.chunk_id, shares.get(hit.chunk_id, 0.0)) for leg in legs for hit in leg.hits]
    scores = {chunk_id: score for leg in legs for chunk_id, score in leg.scores.items()}
    return Leg(tuple(_best_first(hits)[:limit]), scores, shares)


@dataclass(frozen=True, slots=True)
class Scores:
    """What each step of a search thought of a chunk. A rank, from 1, is None where the step did not find it.

    `dense` is the cosine similarity, -1 to 1; `lexical` is BM25. A leg's score without a rank was computed for a chunk that
    only the other one found. `named` is the document's share, 0 to 1, of the words of the question that names have, None where
    no name has any, and `name_words` those that its own has. `page_rank` is the place, from 1, among the passages of its page.
    """

    dense: float | None = None
    dense_rank: int | None = None
    lexical: float | None = None
    lexical_rank: int | None = None
    fused: float | None = None
    fused_rank: int | None = None
    named: float | None = None
    name_words: tuple[str, ...] = ()
    page_rank: int | None = None
    rerank: float | None = None
    rerank_rank: int | None = None


@dataclass(frozen=True, slots=True)
class RankedChunk:
    """A chunk in the order of the search, and the score that put it there."""

    chunk_id: int
    score: float
    scores: Scores


def rank(dense: Leg, lexical: Leg, *, settings: RetrievalSettings) -> tuple[RankedChunk, ...]:
    """The chunks that the legs of the mode found, best first; those of equal score in the order of their ids.

    In one mode alone the score is the leg's own. Convex fusion gives a score from 0 to 1, fusion by ranks one to 1/61. Of what a
    partial dense leg could not look at the words alone are the score, on the same scale.
    """
    return _told(_order(dense, lexical, settings), dense, lexical, fused=settings.mode is Mode.HYBRID)


def _order(dense: Leg, lexical: Leg, settings: RetrievalSettings) -> list[Hit]:
    match settings.mode, settings.fusion:
        case Mode.DENSE, _:
            return list(dense.hits)
        case Mode.LEXICAL, _:
            return list(lexical.hits)
        case _, Fusion.RRF:
            return _mixed(dense, _reciprocal(dense), _reciprocal(lexical), settings.weight)
        case _:
            found = dense.ranks.keys() | lexical.ranks.keys()
            return _mixed(dense, dense.shares, lexical.shares, settings.weight, only=found)


def _reciprocal(leg: Leg) -> dict[int, float]:
    return {chunk_id: 1 / (RANK_OFFSET + rank) for chunk_id, rank in leg.ranks.items()}


def _mixed(
    leg: Leg,
    dense: Mapping[int, float],
    lexical: Mapping[int, float],
    weight: float,
    *,
    only: Iterable[int] | None = None,
) -> list[Hit]:
    """The weighted means of the scores that each chunk got from the legs that looked at it; `leg` is the dense one."""
    chunk_ids = dense.keys() | lexical.keys() if only is None else only
    weights = ((pk, 0.0 if leg.is_partial and pk not in leg.scores else weight) for pk in chunk_ids)
    return _best_first(Hit(pk, own * dense.get(pk, 0.0) + (1 - own) * lexical.get(pk, 0.0)) for pk, own in weights)


def _best_first(hits: Iterable[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))


def _told(order: Sequence[Hit], dense: Leg, lexical: Leg, *, fused: bool) -> tuple[RankedChunk, ...]:
    dense_ranks, lexical_ranks = dense.ranks, lexical.ranks
    return tuple(
        RankedChunk(
            hit.chunk_id,
            hit.score,
            Scores(
                dense=dense.scores.get(hit.chunk_id),
                dense_rank=dense_ranks.get(hit.chunk_id),
                lexical=lexical.scores.get(hit.chunk_id),
                lexical_rank=lexical_ranks.get(hit.chunk_id),
                fused=hit.score if fused else None,
                fused_rank=place if fused else None,
            ),
        )
        for place, hit in enumerate(order, start=1)
    )
