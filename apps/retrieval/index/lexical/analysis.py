"""How a text becomes terms; a question in the same way.

Words are folded (width, case, accents), stop words are dropped, the rest is stemmed. A code or number stays whole and
gives its parts too. Where a script puts no spaces between words, every two neighbouring characters are a term.

Which characters make words, Unicode's categories decide; its blocks say where words have no spaces. Only the Latin alphabet
leaves a choice of language: a word of another script is stemmed as the language that is written most in it, so there a text
and a question need not agree on anything.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain, pairwise

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
LONGEST = 64
"""Characters of a term that are kept. What is longer is no word, and an index has no room for it."""

TELLING = 20_000
"""Characters of a text that are looked at to tell its language."""


_SPACELESS_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x30FF),  # ideographic marks, Hiragana, Katakana
    (0x3100, 0x318F),  # Bopomofo, Hangul Jamo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),  # Hangul
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),  # Han
)
_HAN_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_ASTRAL_HAN = "\U00020000-\U0003fffd"


@cache
def _of_categories(categories: str) -> frozenset[int]:
    """The codes of Unicode's basic plane whose category begins with one of the letters."""
    return frozenset(code for code in range(0x10000) if unicodedata.category(chr(code))[0] in categories)


@cache
def _spaceless() -> frozenset[int]:
    blocks = (range(first, last + 1) for first, last in _SPACELESS_BLOCKS)
    return _of_categories("LM").intersection(chain.from_iterable(blocks))


def _ranges(codes: Iterable[int]) -> str:
    """The codes as the inside of a regular expression's character class."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in runs)


def spaceless_class() -> str:
    """Letters and marks of scripts that put no spaces between words, or, in Korean, few."""
    return _ranges(_spaceless()) + _ASTRAL_HAN


def spaced_class() -> str:
    """Letters, marks and digits of all other scripts in Unicode's basic plane."""
    return _ranges(_of_categories("LMN") - _spaceless())


def mark_class() -> str:
    """Marks that belong to the character before them."""
    return _ranges(_of_categories("M"))


def han_class() -> str:
    """Ideographs, of which one alone can be a word."""
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in _HAN_BLOCKS) + _ASTRAL_HAN


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
    return [term for terms in words_of_question(text, languages=languages) for term in terms]


def words_of_question(text: str, *, languages: Sequence[str] = (DEFAULT,)) -> list[tuple[str, ...]]:
    """The terms of each word of a question: one for each language that has another one."""
    tokens = list(_tokens(text))
    own = language_of_question((token for kind, token in tokens if kind == "WORD"), languages)
    words: list[tuple[str, ...]] = []
    for kind, token in tokens:
        if kind == "CODE":
            words.append((token[:LONGEST],))
        elif kind == "RUN":
            words += [(pair,) for pair in _pairs(token) or [token]]
        elif token not in STOP_WORDS[own]:
            each = dict.fromkeys(term for language in languages for term in _word_terms(token, language))
            words += [tuple(each)] if each else []
    return words


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
