"""The plain rule by which a question is understood in the light of those before it: no model, the same every time. Pure.

A question leans on others in one of two ways (ADR 46):

- an **ellipsis** leaves out what stays the same ("And on Sundays?", "For two nights?"). The question whose form it takes goes
  before it;
- a **reference** points to what was named ("How much does it cost?") or says next to nothing ("What is the fee?"). The words
  that say what the question before it was about are added, and where these are too few, the heading of what was cited.

Every other question stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from apps.documents.languages import STOP_WORDS
from apps.retrieval.answers.grammars import ENGLISH, SPACELESS_POINTERS, Grammar, empty_words, grammar_of
from apps.retrieval.answers.words import stem, words_of
from apps.retrieval.index.lexical.analysis import language_of_question, spaceless_class

FRAGMENT_WORDS = 2
"""Content words that a question without a verb may have and still lean on the one before."""

MOST_WORDS = 10
"""Words of earlier questions that are added."""

FEW_WORDS = 2
"""With fewer of them than this, the heading of what was cited is added."""

LONGEST_BASE = 300
"""Characters of a question that is said again as a whole."""

SPACELESS_SHORT = 5
"""Characters of a question that says next to nothing, in a script without blanks."""

_WORD = re.compile(r"\w+")
_CLAUSE = re.compile(r"[,;:]")


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question that was asked before; `searched_for` is empty if it was searched for as asked.

    `answer` and `about`, the heading or title of what was cited first, are empty where the caller may not read them.
    """

    question: str
    searched_for: str = ""
    answer: str = ""
    about: str = ""

    @property
    def meant(self) -> str:
        """The question as it was understood."""
        return self.searched_for or self.question


class Leaning(StrEnum):
    """How a question leans on those before it."""

    NOT = "not"
    ELLIPSIS = "ellipsis"
    REFERENCE = "reference"


def question_completed(question: str, history: Sequence[PastTurn]) -> str:
    """The question with what it leaves to those before it, the latest last; as it is if it stands by itself."""
    if not history:
        return question
    match leaning(question, language=language_said(question, history[-1].question)):
        case Leaning.ELLIPSIS:
            return _after(_form_of(history), question)
        case Leaning.REFERENCE:
            return _pointed(question, history[-1])
        case _:
            return question


def language_said(*texts: str) -> str:
    """The language whose stop words the texts have most of."""
    words = [word for text in texts for word in words_of(text)]
    return language_of_question(words, (ENGLISH, *(one for one in STOP_WORDS if one != ENGLISH)))


def leaning(question: str, *, language: str) -> Leaning:
    """How the question leans on others, if it does."""
    if is_spaceless(question):
        return Leaning.ELLIPSIS if _points_without_blanks(question) else Leaning.NOT
    grammar, words = grammar_of(language), words_of(question)
    content = content_words(question, language=language)
    if _is_ellipsis(words, len(content), grammar):
        return Leaning.ELLIPSIS
    if _has_pronoun(question, grammar, language) or _says_next_to_nothing(question, content, grammar):
        return Leaning.REFERENCE
    return Leaning.NOT


def content_words(text: str, *, language: str) -> list[str]:
    """The words that say what it is about, as they are written, each once."""
    empty, found = empty_words(language), dict[str, str]()
    for word in _WORD.findall(text):
        if word.casefold() not in empty and (len(word) > 1 or word.isdigit()):
            found.setdefault(stem(word), word)
    return list(found.values())


def is_spaceless(text: str) -> bool:
    """Whether it is, for the most part, in a script that puts no blanks between words."""
    return len(_spaceless().findall(text)) * 2 > sum(character.isalnum() for character in text)


@cache
def _spaceless() -> re.Pattern[str]:
    return re.compile(f"[{spaceless_class()}]")


def _points_without_blanks(question: str) -> bool:
    letters = sum(character.isalnum() for character in question)
    return letters <= SPACELESS_SHORT or any(pointer in question for pointer in SPACELESS_POINTERS)


def _is_ellipsis(words: Sequence[str], content: int, grammar: Grammar) -> bool:
    """Whether it goes on from before without a verb of its own."""
    said = " ".join(words)
    if said.startswith(tuple(f"{offer} " for offer in grammar.offers)):
        return True
    goes_on = bool(words) and words[0] in grammar.connectives
    rest = words[1:] if goes_on else words
    if not rest or not grammar.openers or rest[0] in grammar.openers:
        return False
    return goes_on or content <= FRAGMENT_WORDS


def _has_pronoun(question: str, grammar: Grammar, language: str) -> bool:
    """Whether it has a pronoun for something that no clause of its own before that names."""
    empty, named = empty_words(language), False
    clauses = _CLAUSE.split(question)
    for number, clause in enumerate(clauses):
        words = words_of(clause)
        for place, (before, word) in enumerate(pairwise(["", *words])):
            if word in grammar.joints and any(one not in empty for one in words[:place]):
                named = True
            is_last = number == len(clauses) - 1 and place == len(words) - 1
            if not named and _stands_for(word, before, grammar, is_last=is_last):
                return True
        named = named or any(word not in empty for word in words)
    return False


def _stands_for(word: str, before: str, grammar: Grammar, *, is_last: bool) -> bool:
    if word in grammar.pronouns or (is_last and word in grammar.at_end):
        return True
    return word in grammar.after and before in grammar.leading


def _says_next_to_nothing(question: str, content: Sequence[str], grammar: Grammar) -> bool:
    """Whether it has one content word at most, which is neither a name nor a number nor something new."""
    if not content:
        return True
    if len(content) > 1 or grammar.indefinite.intersection(words_of(question)):
        return False
    (word,) = content
    is_name = word[0].isupper() and not question.lstrip("¿¡ ").startswith(word) and not grammar.nouns_are_capitals
    return not (is_name or word.isupper() or any(character.isdigit() for character in word))


def _form_of(history: Sequence[PastTurn]) -> str:
    """The last question that is no ellipsis itself, as it was understood."""
    for turn in reversed(history):
        if leaning(turn.question, language=language_said(turn.question)) is not Leaning.ELLIPSIS:
            return turn.meant
    return history[0].meant


def _after(base: str, question: str) -> str:
    if len(base) > LONGEST_BASE:
        return _with_words(question, content_words(base, language=language_said(base)))
    return f"{base} {question}"


def _pointed(question: str, turn: PastTurn) -> str:
    """The question with the words of the one before it; where these are few, with the heading of what was cited."""
    if is_spaceless(turn.meant):
        return _after(turn.meant, question)
    language = language_said(question, turn.meant)
    words = content_words(turn.meant, language=language)
    if len(words) < FEW_WORDS:
        words += content_words(turn.about, language=language)
    return _with_words(question, words)


def _with_words(question: str, words: Iterable[str]) -> str:
    """The question, and in brackets the words that it has not got; names and numbers go before others where there are many."""
    said = {stem(word) for word in words_of(question)}
    new = {stem(word): word for word in words if stem(word) not in said}
    telling = sorted(new.values(), key=lambda word: not (word[0].isupper() or word.isdigit()))[:MOST_WORDS]
    added = [word for word in new.values() if word in telling]
    return f"{question} ({' '.join(added)})" if added else question
