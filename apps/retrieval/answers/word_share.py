"""How many of one text's content words another one holds. Pure."""

from __future__ import annotations

import re

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
