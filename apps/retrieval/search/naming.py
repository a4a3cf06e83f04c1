"""Which words of a question stand in a document's name, and how much they say. Pure.

    "ADOBE_2022_10K.pdf"    has  "Adobe's", "FY22" and "10-K"
    "Foot Locker 2023Q4"    has  "footlocker", "2023" and "Q4"

A word is spelled as the lexical analysis spells it and stemmed by the question's language. Two or three words that stand
together are one where the other side writes them so. A year counts however it is abbreviated; stop words and single characters
say nothing.

In a question that has capitals, only what it writes with one, or with a digit, is a name or a number: "wing" is what a hundred
papers' titles have. The first word of a sentence may be either, and counts in short names alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from uuid import UUID

from apps.documents.document_names import without_extension
from apps.documents.languages import STOP_WORDS
from apps.retrieval.index.lexical.analysis import (
    DEFAULT,
    LONGEST,
    SHOUTED,
    language_of_question,
    language_of_word,
    spaced_class,
    spaceless_class,
    stem,
)
from apps.retrieval.index.lexical.letters import CAPITALS, normal, plain, unmarked
from apps.retrieval.index.lexical.reading import TermStatistics

TOGETHER = 3
"""Words that stand together and may be one on the other side, at most."""

NAMES_REMEMBERED = 4096
"""Names whose words are kept, those of the last searches: to take one apart takes longer than all else here."""

ROOT = 4
"""Letters of a word's beginning that are looked for in a name before it is taken apart."""

SHORT_NAME = 4
"""Words without digits that a name has and is no sentence."""

_WRITTEN = re.compile(r"[^\W_]+(?:['’&.-][^\W_]+)*")
_OPENS = re.compile(r"(?:^|[.?!:])[\s\"'(]*$")
_BETWEEN = re.compile(r"[\W_]+")
_GENITIVE = re.compile(r"(?<=\S)'s(?!\w)")
_AMPERSAND = re.compile(r"(?<=\S)&(?=\S)")
_FORM = re.compile(r"(?<!\w)(?:(\d+)-([a-z])|([a-z])-(\d+))(?!\w)")
_RUN = re.compile(f"(?P<RUN>[{spaceless_class()}]+)|[{spaced_class()}{CAPITALS}]+")
_YEAR = r"(?:19|20)\d\d"
_IS_YEAR = re.compile(_YEAR)
_WITH_YEAR = re.compile(rf"(?P<before>[^\W\d_]\w*?)?(?P<year>{_YEAR})(?P<after>[^\W\d_]\w*)?")
_FISCAL = re.compile(r"fy(\d\d|\d{4})")
_THIS_CENTURY = 70
"""Years of two digits below it are of the 21st century."""


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a question, or several together as one: the places `first` up to but not including `last`.

    `key` is what it is found by, and `rarity` its idf, None where nothing is known of it. One that `opens` a sentence may have
    its capital from that.
    """

    text: str
    key: str
    rarity: float | None
    first: int
    last: int
    opens: bool = False

    @property
    def root(self) -> str:
        """Characters that no name is without that has the word in one of its forms: an ending may change a stem's last letter."""
        if _IS_YEAR.fullmatch(self.key):
            return self.key[2:]
        return self.key[:ROOT] if any(map(str.isdigit, self.key)) else self.key[: min(ROOT, max(2, len(self.key) - 1))]


@dataclass(frozen=True, slots=True)
class AskedWords:
    """Those of a question that may stand in a name, in their order, of those at one place the longest first; `alone` are those of
    one word.
    """

    words: tuple[AskedWord, ...] = ()
    language: str = DEFAULT
    alone: tuple[AskedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class NameWords:
    """The keys of a name's words, and the words as they are written, in their order."""

    keys: frozenset[str]
    written: tuple[str, ...]
    letters: str

    @property
    def is_short(self) -> bool:
        return sum(not any(map(str.isdigit, word)) for word in self.written) <= SHORT_NAME

    def has_together(self, text: str) -> bool:
        """Whether two or three of its words are this one."""
        return text in self.letters and any(joined == text for _, _, joined in _together(self.written))


@dataclass(frozen=True, slots=True)
class Named:
    """The words of a question that a name has, and what they weigh as a share of the most that any of the names has."""

    share: float
    words: tuple[str, ...]


def asked_words(question: str, statistics: TermStatistics) -> AskedWords:
    """The words of a question by which names are looked through; how rare they are is what the statistics say."""
    is_shouted = question.isupper() and len(question.split()) >= SHOUTED
    text = question.lower() if is_shouted else question
    tokens = _tokens(text)
    language = language_of_question(map(unmarked, tokens), statistics.languages or (DEFAULT,))
    written = [plain(unmarked(token)) for token in tokens]
    single = [_asked(token, place, language, statistics) for place, token in enumerate(tokens)]
    words = [*filter(None, single), *_asked_together(written, language, statistics)]
    named = list(_named_only(words, written, _capitals(text), STOP_WORDS[language]))
    ordered = sorted(named, key=lambda one: (one.first, -one.last))
    return AskedWords(tuple(ordered), language, tuple(one for one in named if one.last - one.first == 1))


@lru_cache(maxsize=NAMES_REMEMBERED)
def name_words(name: str, language: str) -> NameWords:
    """The words of a document's name, by the keys that words of a question in this language have."""
    written = tuple(plain(unmarked(token)) for token in _tokens(without_extension(name)))
    return NameWords(frozenset(_key(word, language) for word in written), written, "".join(written))


def names_compared(asked: AskedWords, names: Mapping[UUID, str]) -> dict[UUID, Named]:
    """How much of the question each of the documents' names has, by the document; those that have nothing are left out."""
    roots = frozenset(word.root for word in asked.words)
    likely = {pk: name for pk, name in names.items() if not name.isascii() or _has_any(roots, name)}
    having = {pk: found for pk, name in likely.items() if (found := _words_in(asked, name))}
    rarities = [word.rarity for words in having.values() for word in words if word.rarity is not None]
    unknown = max(rarities, default=1.0)
    sums = {pk: sum(unknown if one.rarity is None else one.rarity for one in words) for pk, words in having.items()}
    most = max(sums.values(), default=0.0)
    return {
        pk: Named(sums[pk] / most, tuple(word.text for word in words)) for pk, words in having.items() if most > 0
    }  # fmt: skip


def _has_any(roots: Collection[str], name: str) -> bool:
    """Whether it may have one of the words: most names have none, and to take one apart takes long."""
    letters = _BETWEEN.sub("", name.lower())
    return any(root in letters for root in roots)


def _words_in(asked: AskedWords, name: str) -> list[AskedWord]:
    """The words of the question that the name has, none within another one, each once."""
    has = name_words(name, asked.language)
    together = {one.text for one in asked.alone if one.key not in has.keys and has.has_together(one.text)}
    found: dict[str, AskedWord] = {}
    taken = 0
    for word in asked.words:
        if word.first >= taken and _may_be(word, has) and (word.key in has.keys or word.text in together):
            found.setdefault(word.key, word)
            taken = word.last
    return list(found.values())


def _may_be(word: AskedWord, name: NameWords) -> bool:
    return not word.opens or name.is_short


def _capitals(question: str) -> Mapping[str, bool] | None:
    """Of the words that a question writes as names or numbers, whether they surely are: a sentence's first is not. None where
    it has no capitals to go by.
    """
    if question == question.lower():
        return None
    found: dict[str, bool] = {}
    for word in _WRITTEN.finditer(question):
        sure = any(sign.isupper() for sign in word[0][1:]) or any(map(str.isdigit, word[0]))
        if sure or word[0][0].isupper():
            sure = sure or not _OPENS.search(question[: word.start()])
            for token in _tokens(word[0]):
                key = plain(unmarked(token))
                found[key] = found.get(key, False) or sure
    return found


def _named_only(
    words: Iterable[AskedWord], written: Sequence[str], capitals: Mapping[str, bool] | None, stops: Collection[str]
) -> Iterator[AskedWord]:
    """The words that a question names something by: all of them where capitals do not tell."""
    for word in words:
        parts = written[word.first : word.last]
        telling = [one for one in parts if len(one) > 1 and one not in stops] or parts
        if capitals is None or (any(map(str.isdigit, word.text)) and word.last - word.first == 1):
            yield word
        elif all(one in capitals or one.isdigit() for one in telling):
            yield replace(word, opens=not all(capitals.get(one, True) for one in telling))


def _asked(token: str, place: int, language: str, statistics: TermStatistics) -> AskedWord | None:
    """The word, unless it is a stop word or a single character."""
    word = plain(unmarked(token))
    if len(word) < 2 or token in STOP_WORDS[language]:
        return None
    key = _key(word, language)
    return AskedWord(word, key, _rarity(key, statistics), place, place + 1)


def _asked_together(words: Sequence[str], language: str, statistics: TermStatistics) -> Iterator[AskedWord]:
    """Words that stand together as one, as rare as that is, or else as its rarest part."""
    stops = STOP_WORDS[language]
    for first, last, joined in _together(words):
        if any(len(word) > 1 and word in stops for word in (words[first], words[last - 1], joined)):
            continue
        key = _key(joined, language)
        parts = [_rarity(_key(word, language), statistics) for word in words[first:last]]
        rarest = max((part for part in parts if part is not None), default=None)
        known = _rarity(key, statistics)
        yield AskedWord(" ".join(words[first:last]), key, rarest if known is None else known, first, last)


def _together(words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """All that two or three words that stand together make, from which place up to which."""
    for number in range(2, TOGETHER + 1):
        for first in range(len(words) - number + 1):
            yield first, first + number, "".join(words[first : first + number])


def _rarity(key: str, statistics: TermStatistics) -> float | None:
    return statistics.idf(key) if statistics.having.get(key) else None


def _key(word: str, language: str) -> str:
    """As the lexical analysis makes a term of it."""
    rules = "" if any(map(str.isdigit, word)) else language_of_word(word, language)
    return plain(stem(word, rules))[:LONGEST] if rules else word[:LONGEST]


def _tokens(text: str) -> list[str]:
    """The words of a text, in its order; what capitals tell from a stop word still says so."""
    spelled = _AMPERSAND.sub("", _GENITIVE.sub("", normal(text))).replace("_", " ")
    tokens: list[str] = []
    for found in _RUN.finditer(_FORM.sub(lambda form: "".join(filter(None, form.groups())), spelled)):
        run = found.group()
        tokens += _pairs(run) if found["RUN"] else _parts(run)
    return list(_years_whole(tokens))


def _pairs(run: str) -> list[str]:
    """Of a script without spaces every two neighbours, as the lexical analysis has it."""
    return ["".join(pair) for pair in pairwise(run)] or [run]


def _parts(word: str) -> list[str]:
    """A year that is written together with something is a word of its own: "2023q4"."""
    if fiscal := _FISCAL.fullmatch(word):
        return ["fy", fiscal[1]]
    found = _WITH_YEAR.fullmatch(word)
    return [part for part in found.group("before", "year", "after") if part] if found else [word]


def _years_whole(tokens: Sequence[str]) -> Iterator[str]:
    """The tokens with "fy 22" and "fy 2022" as the year that is meant."""
    before = ""
    for token in tokens:
        is_year = before == "fy" and token.isdigit() and len(token) in (2, 4)
        if before and not is_year:
            yield before
        before = _year(token) if is_year else token
    if before:
        yield before


def _year(digits: str) -> str:
    if len(digits) == 4:
        return digits
    return f"{20 if int(digits) < _THIS_CENTURY else 19}{digits}"
