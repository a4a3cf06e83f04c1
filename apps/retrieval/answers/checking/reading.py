"""What the checker sees of a text: its terms, pairs of them, numbers, directions and negations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from apps.documents.languages import latin_language, script
from apps.retrieval.answers.checking.cues import (
    CANCELLING,
    FALLING,
    NEGATIONS,
    NO_NEGATIONS,
    NUMBER_WORDS,
    OPPOSITES,
    RISING,
)
from apps.retrieval.index.lexical.analysis import stem, terms_of_text

LONGEST = 4_000
"""Characters of one text that are looked at: a sentence is shorter."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_AMOUNT = re.compile(r"(?<![^\W\d])(?<![^\W\d]-)(?<!\d)\d+(?:[.,:]\d+)*")
_COUNTED = re.compile(rf"({_AMOUNT.pattern})[ \u00a0]?([^\W\d_]+)")
_SENTENCE = re.compile(r"[.!?…](?=\s)|[。！？]")
_DIVIDING = (
    r"[;:()–—]|,(?=\s)|\b(?:but|although|though|whereas|while|however|unless|except|aber|sondern|obwohl|außer|mais|sauf|pero|"
    r"sino|salvo|ma|però|tranne|maar|behalve|но|кроме"
)
_CLAUSE = re.compile(rf"{_DIVIDING})\b", re.IGNORECASE)
_PART = re.compile(rf"{_DIVIDING}|and|und|et|y|e|en|och|og|oraz|и)\b", re.IGNORECASE)
_ACCENT = re.compile(r"([a-z])[\u0300-\u036f]+")
_NO_NEGATION = re.compile("|".join(map(re.escape, NO_NEGATIONS)), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Clause:
    """Part of a text that is negated as one, so many times; `sentence` counts from 0."""

    sentence: int
    terms: frozenset[str]
    stems: frozenset[str]
    negations: int


@dataclass(frozen=True, slots=True)
class Words:
    """A text as the checker sees it.

    `figures` are its numbers in one form, `numbers` those in words as well, `amounts` only those that are no part of a name, and
    `counted` amounts with the stem of the word after them. `stems` are of all words in order. `parts` are clauses that are also
    divided at every "and".
    """

    language: str
    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    figures: frozenset[str]
    numbers: frozenset[str]
    amounts: frozenset[str]
    counted: frozenset[tuple[str, str]]
    stems: tuple[str, ...]
    rising: int
    falling: int
    negations: int
    clauses: tuple[Clause, ...]
    parts: tuple[Clause, ...]

    @property
    def direction(self) -> int:
        """1 where more words say more than less, -1 where fewer do, else 0."""
        return (self.rising > self.falling) - (self.rising < self.falling)

    @property
    def topic(self) -> frozenset[str]:
        """Its terms without those that say more, less, or not."""
        return self.terms - turning_stems(self.language)


def language_of_texts(texts: Iterable[str]) -> str:
    """The language that texts are in together; English where that can't be told."""
    telling = " ".join(texts)[:LONGEST].casefold()
    if script(telling) == "CYRILLIC":
        return "russian"
    return latin_language(_WORD.findall(telling)) or "english"


@lru_cache(maxsize=4_096)
def words_of(text: str, language: str) -> Words:
    """What is seen of a text in that language."""
    seen = text[:LONGEST]
    terms = terms_of_text(seen, language=language)
    stems = tuple(stem(word, language) for word in _spelled(seen))
    figures = frozenset(map(_plain_number, _NUMBER.findall(seen)))
    return Words(
        language,
        frozenset(terms),
        frozenset(pairwise(terms)),
        figures,
        figures | {NUMBER_WORDS[word] for word in _WORD.findall(seen.casefold()) if word in NUMBER_WORDS},
        frozenset(map(_plain_number, _AMOUNT.findall(seen))),
        frozenset(_counted(seen, language)),
        stems,
        sum(one in rising_stems() for one in stems),
        sum(one in falling_stems() for one in stems),
        len(_negations(seen, language)),
        tuple(_clauses(seen, _CLAUSE, language)),
        tuple(_clauses(seen, _PART, language)),
    )


def _counted(text: str, language: str) -> Iterator[tuple[str, str]]:
    for figures, unit in _COUNTED.findall(text):
        yield from ((_plain_number(figures), stem(word, language)) for word in _spelled(unit))


def _spelled(text: str) -> list[str]:
    """Its words in lower case, without the accents of Latin letters: as the terms are made."""
    parts = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return _WORD.findall(unicodedata.normalize("NFC", _ACCENT.sub(r"\1", parts)))


def _plain_number(figures: str) -> str:
    """Without signs between thousands, which languages write differently."""
    return re.sub("[.,]", "", figures) if _GROUPED.fullmatch(figures) else figures


def _clauses(text: str, divider: re.Pattern[str], language: str) -> Iterator[Clause]:
    for number, sentence in enumerate(_SENTENCE.split(_NO_NEGATION.sub(" ", text))):
        for part in divider.split(sentence):
            if words := _spelled(part):
                terms = frozenset(terms_of_text(part, language=language))
                stems = frozenset(stem(word, language) for word in words)
                yield Clause(number, terms, stems, _times_negated(part, language))


def is_negated(text: str, language: str) -> bool:
    """Whether something is denied in it."""
    return bool(_negations(text[:LONGEST], language))


def _negations(text: str, language: str) -> list[str]:
    known = _spelled_negations(language)
    return [word for word in _spelled(_NO_NEGATION.sub(" ", text)) if word in known]


def _times_negated(text: str, language: str) -> int:
    negations = _negations(text, language)
    cancelling = sum(word in CANCELLING for word in negations)
    return cancelling + (len(negations) > cancelling)


@cache
def _spelled_negations(language: str) -> frozenset[str]:
    return frozenset(_spelled(" ".join(NEGATIONS.get(language, ()))))


@cache
def rising_stems() -> frozenset[str]:
    """Stems of the English words that say more."""
    return _stems(RISING, "english")


@cache
def falling_stems() -> frozenset[str]:
    """Stems of the English words that say less."""
    return _stems(FALLING, "english")


@cache
def negation_stems(language: str) -> frozenset[str]:
    """Stems of the words that negate in a language."""
    return _stems(NEGATIONS.get(language, frozenset()), language)


@cache
def turning_stems(language: str) -> frozenset[str]:
    """Stems of the words that turn a statement: in English directions, too."""
    return negation_stems(language) | (_stems(RISING | FALLING, language) if language == "english" else frozenset())


@cache
def opposites(language: str) -> Mapping[str, frozenset[str]]:
    """By the stem of a word those of its opposites."""
    found: dict[str, frozenset[str]] = {}
    for pair in OPPOSITES:
        one, other = (_stems(frozenset(side.split()), language) for side in pair)
        found |= {word: found.get(word, frozenset()) | other for word in one}
        found |= {word: found.get(word, frozenset()) | one for word in other}
    return found


def _stems(words: frozenset[str], language: str) -> frozenset[str]:
    return frozenset(stem(word, language) for one in words for word in _spelled(one))
