"""How a text becomes terms; a question in the same way.

A text is brought to one spelling (`letters.normal`), stop words are dropped, the rest is stemmed. A word with accents gives the
term that it has without them, too, so that those who leave them out find it. A code or number stays whole and gives its parts
too; what a hyphen joins is also one word. Where a script puts no spaces between words, every character and every two neighbours
are a term.

Which characters make words, Unicode's categories decide; its blocks say where words have no spaces. Only the Latin alphabet
leaves a choice of language: a word of another script is stemmed as the language that is written most in it, so there a text
and a question need not agree on anything.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise

import Stemmer

from apps.documents.languages import STOP_WORDS, latin_language, script
from apps.retrieval.index.lexical.letters import (
    CAPITALS,
    NAMED_IN_CAPITALS,
    normal,
    normal_before,
    plain,
    plain_before,
    unmarked,
)

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


Spelled = Callable[[str], str]
"""How a word is spelled without what is often left out."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one version of the analysis spells a text and a word."""

    text: Callable[[str], str]
    word: Spelled


ANALYSES: Mapping[int, Spelling] = {1: Spelling(normal_before, plain_before), 2: Spelling(normal, plain)}
"""By the number that is kept with what was analysed so. What an earlier one wrote is asked for by its own terms until it is
written anew; no analysis may take away a term that an earlier one gave to a question in the same spelling.
"""

ANALYSIS = max(ANALYSES)
"""The one that texts are analysed by now."""

_WORD = f"[{spaced_class()}{CAPITALS}]+"
_JOIN = r"(?:[-\u2010\u2011_/:.,+@&]|\^-?)"
_TOKEN = re.compile(
    f"(?P<RUN>[{spaceless_class()}]+)"
    rf"|(?P<NUMBER>(?<![\w.,'])\d{{1,3}}(?:[ ']\d{{3}})+(?:[.,]\d+)?(?!\w))"
    rf"|(?P<COMPOUND>{_WORD}(?:{_JOIN}{_WORD})+)"
    r"|(?P<SIGNED>[a-z](?:\+\+|#))"
    f"|(?P<WORD>{_WORD})"
)
_PART = re.compile(_WORD)
_SYLLABLE = re.compile(f"[{spaceless_class()}][{mark_class()}]{{0,8}}")
_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_BLANKS = re.compile(r"[ ']")
_DECIMALS = re.compile(r"\d+,\d+")
_JOINER = re.compile(r"[-\u2010\u2011_/:,+@^]|(?<!\d)\.|\.(?!\d)")
_LETTERS = rf"(?:[^\W\d_]|[{mark_class()}])+"
_HYPHENED = re.compile(rf"{_LETTERS}(?:[-\u2010\u2011^]{_LETTERS}){{1,2}}")
_WITH_PARTICLE = re.compile("[가-힣][은는이가을를에의도로와과만]")
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")

Token = tuple[str, str]
"""Its kind and its characters. A WORD is stemmed, a CODE stays whole, a RUN is of a script without spaces; a JOINED is one of
words whose parts come after it.
"""

SHOUTED = 3
"""Words of a question that is all in capitals, from which on these say nothing."""


def terms_of_text(text: str, *, language: str) -> list[str]:
    """The terms of a text in their order, repeats included; `language` is the one of its words in the Latin alphabet."""
    terms: list[str] = []
    for tokens in _tokens(normal(text)):
        for kind, token in tokens:
            terms += _word_terms(token, language, plain) if kind == "WORD" else _terms(kind, token, language, plain)
    return terms


def terms_of_question(
    text: str, *, languages: Sequence[str] = (DEFAULT,), analyses: Sequence[int] = (ANALYSIS,)
) -> list[str]:
    """The terms that find what a question asks for in texts of these languages, the most common first; repeats included.

    A word gives its stem in each language; one that several languages share counts once. The stop words of the question's
    own language give none: texts of another language that quote a few would otherwise seem to be all about them. Where texts
    were analysed by several analyses, the terms of the newest come first, then what the others have beside them.
    """
    terms: list[str] = []
    for number in sorted(analyses, reverse=True):
        known = frozenset(terms)
        asked = _asked(text, languages, ANALYSES[number])
        terms += [term for unit in asked for term in unit.terms() if term not in known]
    return terms


def words_of_question(text: str, *, languages: Sequence[str] = (DEFAULT,)) -> list[tuple[str, ...]]:
    """The terms of each word of a question: one for each language and spelling that has another one. A part of a joined word has
    the whole's, too.
    """
    return [word for unit in _asked(text, languages, ANALYSES[ANALYSIS]) for word in unit.words()]


@dataclass(frozen=True, slots=True)
class _Unit:
    """What stands between two blanks of a question: the terms of all of it joined, and of each part."""

    joined: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]

    def terms(self) -> Iterator[str]:
        return chain(self.joined, *self.parts)

    def words(self) -> Iterable[tuple[str, ...]]:
        if not self.joined:
            return self.parts
        return [tuple(dict.fromkeys([*part, *self.joined])) for part in self.parts] or [self.joined]


def _asked(text: str, languages: Sequence[str], spelling: Spelling) -> list[_Unit]:
    is_shouted = text.isupper() and len(text.split()) >= SHOUTED
    units = list(_tokens(spelling.text(text.lower() if is_shouted else text)))
    said = (unmarked(token) for tokens in units for kind, token in tokens if kind == "WORD")
    stops = STOP_WORDS[language_of_question(said, languages)]
    return [_unit(tokens, languages, stops, spelling.word) for tokens in units]


def _unit(tokens: Sequence[Token], languages: Sequence[str], stops: frozenset[str], spelled: Spelled) -> _Unit:
    joined: tuple[str, ...] = ()
    parts: list[tuple[str, ...]] = []
    for kind, token in tokens:
        if kind == "RUN":
            parts += _run_asked(token)
        elif kind != "WORD" or token not in stops:
            terms = tuple(dict.fromkeys(chain.from_iterable(_terms(kind, token, one, spelled) for one in languages)))
            if kind == "JOINED":
                joined += terms
            elif terms:
                parts.append(terms)
    return _Unit(joined, tuple(parts))


def _run_asked(run: str) -> list[tuple[str, ...]]:
    """Pairs of characters, or the only one; a Korean word of one syllable also without the particle behind it."""
    pairs = _pairs(run)
    if len(pairs) == 1 and _WITH_PARTICLE.fullmatch(run):
        return [(run, run[0])]
    return [(pair,) for pair in pairs or [run[:LONGEST]]]


def language_of_text(text: str) -> str:
    """The language of a text's words in the Latin alphabet."""
    return language_of(_PART.findall(unmarked(normal(text[:TELLING]))))


def _terms(kind: str, token: str, language: str, spelled: Spelled) -> Sequence[str]:
    match kind:
        case "CODE":
            return (token[:LONGEST],)
        case "RUN":
            return [*_pairs(token), *_SYLLABLE.findall(token)]
    return _word_terms(token, language, spelled)


def _tokens(text: str) -> Iterator[tuple[Token, ...]]:
    """The tokens of a text in one spelling, those together that stand together."""
    for found in _TOKEN.finditer(text):
        kind, token = str(found.lastgroup), found.group()
        yield ((kind, token),) if kind in ("WORD", "RUN") else tuple(_compound(kind, token))


def _compound(kind: str, token: str) -> Iterator[Token]:
    bare = unmarked(token)
    if kind == "NUMBER":
        bare = _BLANKS.sub("", bare)
    if kind == "SIGNED" or any(sign.isdigit() or sign in "_@&" for sign in bare):
        yield from (("CODE", code) for code in _wholes(bare))
    elif _INITIALS.fullmatch(bare):
        yield "CODE", bare.replace(".", "")
    elif _HYPHENED.fullmatch(bare):
        yield from (("JOINED", joined) for joined in _joined(_PART.findall(bare)))
    yield from (("WORD", part) for part in _PART.findall(token))


def _joined(parts: Sequence[str]) -> Iterator[str]:
    """A letter or two before a word are one with it, whatever comes behind it: "email" in "e-mail-server"."""
    yield "".join(parts)
    if len(parts) > 2 and len(parts[0]) <= 2:
        yield "".join(parts[:2])


def _wholes(code: str) -> Iterable[str]:
    """One spelling for a code, with or without what joins it. A number keeps its decimals, dates and ranges their dashes; where a
    point may part thousands or begin decimals, there are two.
    """
    if _COMMAS.fullmatch(code):
        return (code.replace(",", ""),)
    if _POINTS.fullmatch(code):
        return dict.fromkeys([code, code.replace(".", "").replace(",", ".")])
    if _LAKHS.fullmatch(code):
        return code, code.replace(",", "")
    if _DECIMALS.fullmatch(code):
        return code, code.replace(",", ".")
    return (_JOINER.sub("", code) if any(map(str.isalpha, code)) and code[-1] not in "+#" else code,)


@lru_cache(maxsize=1 << 17)
def _word_terms(word: str, latin: str, spelled: Spelled) -> tuple[str, ...]:
    """The word's term, and that of the word without accents where it is another one; none for a stop word."""
    language = language_of_word(word, latin)
    if word.endswith(CAPITALS):
        return _capitals_terms(word.removesuffix(CAPITALS), language, spelled)
    if word in STOP_WORDS.get(language, ()):
        return ()
    bare = spelled(word)
    # English writes its borrowed accents or leaves them out; in other languages they tell endings apart.
    forms = (bare,) if language == DEFAULT else (word, bare)
    terms = dict.fromkeys(spelled(_stemmed(form, language))[:LONGEST] for form in forms)
    return tuple(filter(None, terms))


def _capitals_terms(word: str, language: str, spelled: Spelled) -> tuple[str, ...]:
    """Those of a word that its capitals may make another one: itself in capitals, which no other word has."""
    others = _word_terms(word, language, spelled)
    is_taken = word in NAMED_IN_CAPITALS or word in STOP_WORDS.get(language, ())
    return (*others, word.upper()) if is_taken else others


def _stemmed(word: str, language: str) -> str:
    # A word with digits is a name ("p53", "h2o"), which has no endings.
    return stem(word, language) if language and not any(map(str.isdigit, word)) else word


def _pairs(run: str) -> list[str]:
    """Every two neighbouring characters, each with its marks; none where there is only one."""
    return ["".join(pair) for pair in pairwise(_SYLLABLE.findall(run))]
