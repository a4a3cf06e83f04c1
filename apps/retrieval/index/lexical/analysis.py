"""How a text becomes terms; a question in the same way.

Words are folded (width, case, accents), stop words are dropped, the rest is stemmed. A code or number stays whole and
gives its parts too. Where a script puts no spaces between words, every two neighbouring characters are a term.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from apps.documents.languages import STOP_WORDS, script
from apps.retrieval.index.lexical.languages import (
    DEFAULT,
    language_of,
    language_of_question,
    language_of_word,
    stem,
)
from apps.retrieval.index.lexical.scripts import han_class, mark_class, spaced_class, spaceless_class

LONGEST = 64
"""Characters of a term that are kept. What is longer is no word, and an index has no room for it."""

TELLING = 20_000
"""Characters of a text that are looked at to tell its language."""

_WORD = f"[{spaced_class()}]+"
_TOKEN = re.compile(
    f"(?P<RUN>[{spaceless_class()}]+)"
    rf"|(?P<COMPOUND>{_WORD}(?:[-\u2010\u2011_/.:,+@]{_WORD})+)"
    r"|(?P<SIGNED>[a-z](?:\+\+|#))"
    f"|(?P<WORD>{_WORD})"
)
_PART = re.compile(_WORD)
_SYLLABLE = re.compile(f"[{spaceless_class()}][{mark_class()}]{{0,8}}")
_HAN = re.compile(f"[{han_class()}]")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_JOINER = re.compile(r"[-\u2010\u2011_/:,+@]|(?<!\d)\.|\.(?!\d)")
_INVISIBLE = dict.fromkeys((0x00AD, 0x200C, 0x200D, 0x2060, 0xFEFF)) | {0x200B: " "}
_ACCENTED = frozenset({"LATIN", "GREEK", "ARABIC", "HEBREW"})


Token = tuple[str, str]
"""Its kind and its characters. A WORD is stemmed, a CODE stays whole, a RUN is of a script without spaces."""


def terms_of_text(text: str, *, language: str) -> list[str]:
    """The terms of a text in their order, repeats included; `language` is the one of its words in the Latin alphabet."""
    terms: list[str] = []
    for kind, token in _tokens(text):
        if kind == "WORD":
            terms += _word_terms(token, language)
        else:
            terms += [token[:LONGEST]] if kind == "CODE" else [*_pairs(token), *_HAN.findall(token)]
    return terms


def terms_of_question(text: str, *, languages: Sequence[str] = (DEFAULT,)) -> list[str]:
    """The terms that find what a question asks for in texts of these languages, the most common first; repeats included.

    A word gives its stem in each language; one that several languages share counts once. The stop words of the question's
    own language give none: texts of another language that quote a few would otherwise seem to be all about them.
    """
    tokens = list(_tokens(text))
    own = language_of_question((token for kind, token in tokens if kind == "WORD"), languages)
    terms: list[str] = []
    for kind, token in tokens:
        if kind == "CODE":
            terms.append(token[:LONGEST])
        elif kind == "RUN":
            terms += _pairs(token) or [token]
        elif token not in STOP_WORDS[own]:
            terms += dict.fromkeys(term for language in languages for term in _word_terms(token, language))
    return terms


def language_of_text(text: str) -> str:
    """The language of a text's words in the Latin alphabet."""
    return language_of(_PART.findall(_folded(text[:TELLING])))


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(_folded(text)):
        kind, token = str(found.lastgroup), found.group()
        if kind in ("WORD", "RUN"):
            yield kind, token
            continue
        if kind == "SIGNED" or any(sign.isdigit() or sign in "_@" for sign in token):
            yield "CODE", _whole(token)
        for part in _PART.findall(token):
            yield "WORD", part


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold().replace("ё", "е")


def _whole(code: str) -> str:
    """One spelling for a code, with or without what joins it; a number keeps its points, dates and ranges their dashes."""
    if _GROUPED.fullmatch(code):
        return code.replace(",", "")
    return _JOINER.sub("", code) if any(sign.isalpha() for sign in code) and code[-1] not in "+#" else code


@lru_cache(maxsize=1 << 17)
def _word_terms(word: str, language: str) -> tuple[str, ...]:
    """The word's one term, or none for a stop word."""
    language = language_of_word(word, language)
    if word in STOP_WORDS.get(language, ()):
        return ()
    if language == DEFAULT:
        # English writes its borrowed accents or leaves them out; in other languages they tell endings apart.
        word = _without_accents(word)
    # A word with digits is a name ("p53", "h2o"), which has no endings.
    stemmed = stem(word, language) if language and not any(map(str.isdigit, word)) else word
    return (_without_accents(stemmed)[:LONGEST],)


def _without_accents(word: str) -> str:
    if word.isascii() or script(word) not in _ACCENTED:
        return word
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def _pairs(run: str) -> list[str]:
    """Every two neighbouring characters, each with its marks; none where there is only one."""
    return ["".join(pair) for pair in pairwise(_SYLLABLE.findall(run))]
