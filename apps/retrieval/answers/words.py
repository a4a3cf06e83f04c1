"""Words compared roughly, in any language: by their beginnings. Pure."""

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
    wanted = {stem(word) for word in words_of(question) if word not in _FUNCTION_WORDS}
    held = {stem(word) for word in words_of(sentence)}
    return len(wanted & held) / len(wanted) if wanted else 0.0


def words_of(text: str) -> list[str]:
    """Its words in lower case."""
    return [word.casefold() for word in _WORD.findall(text)]


def stem(word: str) -> str:
    """By which forms of a word count as one."""
    folded = word.casefold()
    return folded[:6] if len(folded) > 6 else folded.rstrip("s") or folded
