"""Where the words of a question stand in a text, in any of their forms, as a search by words finds them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from apps.retrieval.index.lexical.analysis import (
    language_of_text,
    mark_class,
    spaceless_class,
    terms_of_question,
    terms_of_text,
)

LONGEST_WORD = 40
"""Characters; what is longer is no word."""

Span = tuple[int, int]

_LETTERS = rf"[\w{mark_class()}\u00ad\u200b-\u200d]+"
_WORD = re.compile(_LETTERS)
_JOINED = re.compile(
    r"\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?:[.,]\d+)?(?!\w)"
    r"|(?:[^\W\d_]\.){2,}"
    rf"|{_LETTERS}(?:[-\u2010\u2011/:.,+@&^]\n?{_LETTERS})*"
)
_RUN = re.compile(f"[{spaceless_class()}]+")
_CHARACTER = re.compile(f"[{spaceless_class()}][{mark_class()}]*")


def asked_words(text: str, question: str) -> list[Span]:
    """The spans of the text's words that the question asks for, in their order; of what is joined the part, or all of it."""
    asked = _Asked(question, language_of_text(text))
    return [span for joined in _JOINED.finditer(text) for span in asked.within(text, joined.span())]


class _Asked:
    """A question read in the language of a text."""

    def __init__(self, question: str, language: str) -> None:
        self._language = language
        self._terms = frozenset(terms_of_question(question, languages=(language,)))

    def within(self, text: str, joined: Span) -> Iterator[Span]:
        """What is asked for of the words that nothing but a sign parts."""
        words = [word.span() for word in _WORD.finditer(text, *joined)]
        wanted = self._wanted(text[slice(*joined)])
        if len(words) > 1 and wanted - {term for word in words for term in self._wanted(text[slice(*word)])}:
            yield joined
            return
        for start, end in words:
            if _RUN.search(text, start, end):
                yield from self._within_run(text, start, end)
            elif end - start <= LONGEST_WORD and self._wanted(text[start:end]):
                yield start, end

    def _within_run(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Characters of a script without spaces, together where they stand together; other words that stand beside them."""
        marked: list[list[int]] = []
        for a, b in self._characters(text, start, end):
            if marked and a <= marked[-1][1]:
                marked[-1][1] = max(b, marked[-1][1])
            else:
                marked.append([a, b])
        yield from ((a, b) for a, b in marked)

    def _characters(self, text: str, start: int, end: int) -> Iterator[Span]:
        for run in _RUN.finditer(text, start, end):
            characters = [one.span() for one in _CHARACTER.finditer(text, *run.span())]
            alone = {span for span in characters if self._wanted(text[slice(*span)])}
            pairs = [(a, b) for (a, _), (_, b) in pairwise(characters)]
            asked = (span for span in pairs if self._terms.intersection(self._pair(text[slice(*span)])))
            yield from sorted([*alone, *asked])

    def _pair(self, text: str) -> list[str]:
        return terms_of_text(text, language=self._language)[:1]

    def _wanted(self, text: str) -> frozenset[str]:
        return self._terms.intersection(terms_of_text(text, language=self._language))
