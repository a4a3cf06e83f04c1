"""The generator that needs no language model: it answers with the passages' own best sentences.

Every sentence is scored by the cosine similarity of its vector with the question's and by the share of the question's
content words it holds. A sentence is an answer only above a threshold; below it the honest answer is "not found".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.documents.sentences.quick import says_something, sentence_spans
from apps.models.gateway import Deadline, Purpose, embed
from apps.retrieval.answers.types import Claim, Draft, Source
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question

MAX_CLAIMS = 3
MAX_SENTENCES = 64
MIN_SCORE = 0.45
NEAR_BEST = 0.88
WORD_WEIGHT = 0.25

_WORD = re.compile(r"\w+")
_FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "its",
        "may",
        "of",
        "on",
        "or",
        "that",
        "the",
        "their",
        "there",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whose",
        "why",
        "will",
        "with",
    ]
)


class ExtractiveGenerator:
    """Answers with up to MAX_CLAIMS sentences of the passages, each its own citation."""

    name = "extractive"

    def generate(self, question: Question, passages: Sequence[Passage], *, deadline: Deadline) -> Draft:
        candidates = _candidates(passages)
        if not candidates:
            return Draft(self.name, ())
        vectors = embed(
            [source.quote for source in candidates], model=question.model, purpose=Purpose.ANSWER, deadline=deadline
        )
        scored = [
            _scored(source, float(similarity), question.text)
            for source, similarity in zip(candidates, vectors @ question.vector, strict=True)
        ]
        return Draft(
            self.name, tuple(Claim(text=" ".join(s.quote.split()), sources=(s,), supported=True) for s in _best(scored))
        )


def _candidates(passages: Sequence[Passage]) -> list[Source]:
    """The sentences of the passages, best passage first; one that overlapping passages share counts once."""
    seen: set[tuple[object, int, int]] = set()
    sources: list[Source] = []
    for passage in passages:
        for first, last in sentence_spans(passage.text):
            quote = passage.text[first:last]
            start, end = passage.start + first, passage.start + last
            place = (passage.version_id, start, end)
            if place not in seen and says_something(quote) and quote not in passage.heading_path:
                seen.add(place)
                sources.append(Source(passage, start, end, quote, 0.0))
    return sources[:MAX_SENTENCES]


def _scored(source: Source, similarity: float, question: str) -> Source:
    score = (1 - WORD_WEIGHT) * similarity + WORD_WEIGHT * _word_share(question, source.quote)
    return Source(source.passage, source.start, source.end, source.quote, score)


def _word_share(question: str, sentence: str) -> float:
    """How many of the question's content words the sentence holds, 0 to 1; long words match by their beginnings."""
    wanted = {_stem(word) for word in _words(question) if word not in _FUNCTION_WORDS}
    held = {_stem(word) for word in _words(sentence)}
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _stem(word: str) -> str:
    return word[:6] if len(word) > 6 else word.rstrip("s")


def _best(sources: list[Source]) -> list[Source]:
    """The sentences that answer, best first: all are near the best one, and none says what another said."""
    ranked = sorted(sources, key=lambda source: -source.score)
    if not ranked or ranked[0].score < MIN_SCORE:
        return []
    chosen: list[Source] = []
    for source in ranked:
        near = source.score >= NEAR_BEST * ranked[0].score
        if near and not any(_overlap(source, other) for other in chosen):
            chosen.append(source)
    return chosen[:MAX_CLAIMS]


def _overlap(one: Source, other: Source) -> bool:
    if one.quote == other.quote:
        return True
    same = one.passage.version_id == other.passage.version_id
    return same and one.start < other.end and other.start < one.end
