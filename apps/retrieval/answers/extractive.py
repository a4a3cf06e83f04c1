"""The generators that need no language model: they answer with the passages' own best sentences.

A sentence is an answer only if its score reaches a threshold; where none does the honest answer is "not found". By meaning it is
scored by the cosine similarity of its vector with the question's and by the share of the question's content words that it
holds; by words, for when no embedding model answers, by that share alone (ADR 21).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from apps.documents.sentences.quick import says_something, sentence_spans
from apps.models.gateway import Deadline, Purpose, TextRole, embed
from apps.retrieval.answers.types import Judgement, Material, Quotation, Statement, TextDelta, Verdict, WrittenPieces
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.questions import Question, questions_embed

MAX_STATEMENTS = 3
MAX_SENTENCES = 64
MIN_SCORE = 0.45
MIN_WORD_SHARE = 0.5
NEAR_BEST = 0.88
WORD_WEIGHT = 0.25

JUDGED_QUOTED = Judgement(Verdict.SUPPORTED)
"""Of a sentence that is the document's own."""

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


def word_share(question: str, sentence: str) -> float:
    """How many of the question's content words the sentence holds, 0 to 1; long words match by their beginnings."""
    wanted = {_stem(word) for word in _words(question) if word not in _FUNCTION_WORDS}
    held = {_stem(word) for word in _words(sentence)}
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _stem(word: str) -> str:
    return word[:6] if len(word) > 6 else word.rstrip("s")


class ExtractiveGenerator:
    """Answers with up to MAX_STATEMENTS sentences of the passages, each its own quotation, scored by meaning and words."""

    name = "extractive"

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        sentences = _sentences(material.passages)
        if not sentences:
            return
        question = _embedded(material, deadline)
        quotes = [sentence.quote for sentence in sentences]
        vectors = embed(quotes, role=TextRole.DOCUMENT, model=question.model, purpose=Purpose.ANSWER, deadline=deadline)
        scored = [
            replace(sentence, score=_mixed(float(similarity), word_share(material.question, sentence.quote)))
            for sentence, similarity in zip(sentences, vectors @ question.vector, strict=True)
        ]
        yield from _written(_best(scored, least=MIN_SCORE))


class WordGenerator:
    """The same by words alone, without any model."""

    name = "extractive_words"

    def generate(self, material: Material, *, deadline: Deadline) -> WrittenPieces:
        """See Generator."""
        sentences = _sentences(material.passages)
        scored = [replace(one, score=word_share(material.question, one.quote)) for one in sentences]
        yield from _written(_best(scored, least=MIN_WORD_SHARE))


def _embedded(material: Material, deadline: Deadline) -> Question:
    """The question with a vector by the first model that was searched with, or that could have been."""
    if material.unembedded is not None:
        raise material.unembedded
    for question in material.embedded:
        return question
    return questions_embed(material.question, material.generations[:1], deadline=deadline).first()


def _mixed(similarity: float, share: float) -> float:
    return (1 - WORD_WEIGHT) * similarity + WORD_WEIGHT * share


def _sentences(passages: Sequence[Passage]) -> list[Quotation]:
    """The sentences of the passages, best passage first; one that overlapping passages share counts once."""
    seen: set[tuple[object, int, int]] = set()
    sentences: list[Quotation] = []
    for passage in passages:
        for first, last in sentence_spans(passage.text):
            quote = passage.text[first:last]
            start, end = passage.start + first, passage.start + last
            place = (passage.version_id, start, end)
            if place not in seen and says_something(quote) and quote not in passage.heading_path:
                seen.add(place)
                sentences.append(Quotation(passage, start, end, quote, 0.0))
    return sentences[:MAX_SENTENCES]


def _best(scored: Iterable[Quotation], *, least: float) -> list[Quotation]:
    """The sentences that answer, best first: all are near the best one, and none says what another said."""
    ranked = sorted(scored, key=lambda sentence: -sentence.score)
    if not ranked or ranked[0].score < least:
        return []
    chosen: list[Quotation] = []
    for sentence in ranked:
        near = sentence.score >= NEAR_BEST * ranked[0].score
        if near and not any(_overlap(sentence, other) for other in chosen):
            chosen.append(sentence)
    return chosen[:MAX_STATEMENTS]


def _overlap(one: Quotation, other: Quotation) -> bool:
    if one.quote == other.quote:
        return True
    same = one.passage.version_id == other.passage.version_id
    return same and one.start < other.end and other.start < one.end


def _written(quotations: Iterable[Quotation]) -> Iterator[TextDelta | Statement]:
    """Each quotation as a statement of its own, on one line."""
    for number, quotation in enumerate(quotations):
        text = " ".join(quotation.quote.split())
        yield TextDelta(f" {text}" if number else text)
        yield Statement(text, (quotation,), JUDGED_QUOTED)
