"""A hybrid search over paragraphs in memory, by the product's own scores: for training, where a database would be a detour."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.documents.retrieval_settings import RetrievalSettings
from apps.retrieval.index.lexical.analysis import terms_of_question, terms_of_text
from apps.retrieval.index.lexical.reading import K1, B, TermStatistics
from apps.retrieval.search.fusion import Scores
from apps.retrieval.search.passages import Passage
from benchmarks.answers.squad import Paragraph

LANGUAGE = "english"
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Found:
    """The best passages for a question, and how rare its terms are."""

    passages: tuple[Passage, ...]
    statistics: TermStatistics


@dataclass(frozen=True, slots=True)
class Paragraphs:
    """Paragraphs with their unit vectors (n, d), and the postings of their terms."""

    paragraphs: Sequence[Paragraph]
    vectors: NDArray[np.float32]
    lengths: NDArray[np.float64] = field(init=False)
    postings: dict[str, tuple[NDArray[np.intp], NDArray[np.float64]]] = field(init=False)

    def __post_init__(self) -> None:
        held: dict[str, list[tuple[int, int]]] = {}
        lengths = []
        for place, one in enumerate(self.paragraphs):
            terms = terms_of_text(one.text, language=LANGUAGE)
            lengths.append(len(terms))
            for term, times in Counter(terms).items():
                held.setdefault(term, []).append((place, times))
        postings = {
            term: (np.array([place for place, _ in rows]), np.array([float(times) for _, times in rows]))
            for term, rows in held.items()
        }
        object.__setattr__(self, "lengths", np.array(lengths, dtype=np.float64))
        object.__setattr__(self, "postings", postings)

    def find(self, question: str, vector: NDArray[np.float32], indexed: NDArray[np.bool_], best: int) -> Found:
        """The best of the paragraphs that are `indexed` (n,)."""
        words, statistics = self._words(question, indexed)
        nearness = np.where(indexed, self.vectors @ vector, -1.0)
        weight = RetrievalSettings().weight
        shares = weight * _share(nearness) + (1 - weight) * _share(words)
        order = np.argsort(-shares, kind="stable")
        passages = [self._passage(int(place), shares, nearness, words) for place in order[indexed[order]][:best]]
        return Found(tuple(passages), statistics)

    def _words(self, question: str, indexed: NDArray[np.bool_]) -> tuple[NDArray[np.float64], TermStatistics]:
        """BM25 of each paragraph."""
        times = Counter(terms_of_question(question, languages=[LANGUAGE]))
        average = self.lengths[indexed].mean()
        scores, having = np.zeros(len(indexed)), {}
        for term in times:
            places, frequencies = self.postings.get(term, (np.empty(0, np.intp), np.empty(0)))
            kept = indexed[places]
            having[term] = int(kept.sum())
            norms = K1 * (1 - B + B * self.lengths[places[kept]] / average)
            idf = math.log1p((indexed.sum() - having[term] + 0.5) / (having[term] + 0.5))
            scores[places[kept]] += times[term] * idf * frequencies[kept] / (frequencies[kept] + norms)
        return scores, TermStatistics(int(indexed.sum()), having)

    def _passage(
        self, place: int, shares: NDArray[np.float64], nearness: NDArray[np.float64], words: NDArray[np.float64]
    ) -> Passage:
        one = self.paragraphs[place]
        scores = Scores(dense=float(nearness[place]), lexical=float(words[place]) or None)
        return Passage(
            place, NOBODY, one.article, NOBODY, UUID(int=place), 1, 0, len(one.text), one.text, (), None,
            float(shares[place]), scores,
        )  # fmt: skip


def _share(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(scores, 0.0, None) / max(float(scores.max()), 1e-9)
