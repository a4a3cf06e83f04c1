"""The languages of alphabets as the index takes them: which one a word is in, and its stemmer.

Only the Latin alphabet leaves a choice. A word of another script is stemmed as the language that is written most in it, so
there a text and a question need not agree on anything.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import Stemmer

from apps.documents.languages import STOP_WORDS, latin_language, script

DEFAULT = "english"
"""Of Latin text that says too little to tell."""

LANGUAGE_OF_SCRIPT = {
    "CYRILLIC": "russian",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "DEVANAGARI": "hindi",
    "TAMIL": "tamil",
    "ARMENIAN": "armenian",
}


def language_of(words: Iterable[str]) -> str:
    """The language of a text in the Latin alphabet, by its words in lower case; DEFAULT where they do not tell."""
    return latin_language(words) or DEFAULT


def language_of_question(words: Iterable[str], languages: Sequence[str]) -> str:
    """Which of the languages a question is in, the most common given first; that one where the question does not tell."""
    said = set(words)
    # One stop word of a rarer language may be a word of the common one: "sea" is Spanish, too.
    hits = {language: len(STOP_WORDS[language] & said) for language in languages}
    hits[languages[0]] += 1
    return max(hits, key=lambda language: hits[language])


def language_of_word(word: str, latin: str) -> str:
    """The language whose rules hold for a word: `latin` for the Latin alphabet, "" where there are no rules."""
    written = script(word)
    return latin if written == "LATIN" else LANGUAGE_OF_SCRIPT.get(written, "")


def stem(word: str, language: str) -> str:
    """The word's stem by Snowball's algorithm for the language."""
    stemmers: dict[str, Stemmer.Stemmer] = _own.__dict__
    if language not in stemmers:
        stemmers[language] = Stemmer.Stemmer(language, 0)
    return str(stemmers[language].stemWord(word))


# A stemmer keeps state while it works: each thread has its own.
_own = threading.local()
