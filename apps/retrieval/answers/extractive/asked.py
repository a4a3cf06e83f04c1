"""What a question asks for: its terms and how much each tells, its names and numbers, and the type of its answer. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.retrieval.answers.checking.reading import is_negated
from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.commonness import weight_of
from apps.retrieval.answers.extractive.other_scripts import answer_type_elsewhere, has_capitals, without_asking
from apps.retrieval.index.lexical.analysis import (
    DEFAULT,
    language_of_question,
    language_of_text,
    terms_of_text,
    words_of_question,
)
from apps.retrieval.index.lexical.reading import TermStatistics
from apps.retrieval.search.passages import Passage

_ASKED: Sequence[tuple[AnswerType, str]] = (
    (
        AnswerType.TIME,
        r"when|(?:what|which) (?:year|date|day|month|time|century|decade)|since when|wann|seit wann|quand|cuándo|quando|"
        r"wanneer|når|när|kiedy|когда",
    ),
    (
        AnswerType.NUMBER,
        r"how (?:many|much|long|old|far|often|large|big|high|tall|deep|wide|fast|heavy)|"
        r"(?:what|which) (?:number|amount|percent\w*|fraction|share|price|cost|population|limit|rate)|"
        r"wie ?(?:viele?|lange?|oft|hoch|groß|weit|teuer|alt)|combien|cuánt[oa]s?|quant[oiae]s?|hoeveel|hvor mange|ile|сколько",
    ),
    (AnswerType.PERSON, r"who|whom|whose|wer|wem|wen|wessen|qui|quién(?:es)?|chi|quem|wie is|hvem|vem|kto|кто"),
    (
        AnswerType.PLACE,
        r"where|(?:what|which) (?:city|country|state|place|region|county|continent|town)|wo|wohin|woher|où|dónde|dove|onde|"
        r"waar|hvor|var|gdzie|где",
    ),
    (AnswerType.CAUSE, r"why|what (?:caused?|causes|reasons?)|for what reason|warum|weshalb|wieso|pourquoi|por qué|perché|"
     r"por que|waarom|hvorfor|varför|dlaczego|почему"),
    (AnswerType.MANNER, r"how|wie|comment|cómo|come|como|hoe|hvordan|hur|jak|как"),
)  # fmt: skip
_TYPES = [(kind, re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)) for kind, words in _ASKED]
_NAME = re.compile(r"(?<=[\w,;)('\"“„»]\s)\w+|\b(?:\w*\d\w*|[A-Z]{2,})\b")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_MEASURE = re.compile(
    r"(?<!\w)wie ?(?:viele?|lange?|oft|hoch|groß|weit|teuer|alt|schwer|tief|breit|schnell)(?!\w)", re.IGNORECASE
)
"""What only asks: "lang" tells as much as a name where it is no common word of the documents'."""

_COUNTED = re.compile(
    r"(?<!\w)(?:how (?:many|much)|wie ?viele?|combien d[e'’]|cuánt[oa]s?|quant[oiae]s?|hoeveel|hvor mange) ?(\w+)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    rf"(?<!\w)(?:what|which|welche[mnrs]?|was|quel(?:le)?s?|que|qué|cuál(?:es)?|quais|qual|quale|quali|che|welke?|vilk\w+|hvad|vad|"
    rf"{'|'.join(words for _, words in _ASKED)})(?!\w)",
    re.IGNORECASE,
)
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_CLAUSE_ENDS = re.compile(r"[,;:?!.](?=\s|$)")
_HOW_MUCH = re.compile(r"how (?:many|much)", re.IGNORECASE)
_FISCAL = re.compile(r"(?<!\w)FY ?['’]?(\d{4}|\d\d)(?!\w)", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_THIS_CENTURY = 70
"""The two digits of a year from which on it is one of the last century."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text in words: its terms, neighbouring pairs of them, its numbers, and how many words it has."""

    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    words: int


NOTHING_SAID = Said(frozenset(), frozenset(), frozenset(), 0)


Word = tuple[str, ...]
"""The terms that a word of a question has in the languages of the passages; it is met where one of them stands."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words, each once, in their order. `weights` says of each how much it tells: 0 to 1.

    `required` are its names and what it asks the number of ("How many votes"), but for what stands in parentheses. `clause` is
    what stands with the word that asks: the rest says where to look, or how to answer. `years` are whole, also those of "FY22".
    """

    weights: Mapping[Word, float]
    names: frozenset[Word]
    numbers: frozenset[str]
    kind: AnswerType
    is_negated: bool
    required: frozenset[Word] = frozenset()
    clause: frozenset[Word] = frozenset()
    years: frozenset[str] = frozenset()

    @property
    def words(self) -> list[Word]:
        return list(self.weights)

    @property
    def terms(self) -> frozenset[str]:
        """Of all words."""
        return frozenset(term for word in self.weights for term in word)

    @property
    def sought(self) -> frozenset[str]:
        """By which columns are asked for: the terms, and whole years."""
        return self.terms | self.years

    @property
    def total(self) -> float:
        """Of all weights."""
        return sum(self.weights.values())


def asked_of(question: str, *, statistics: TermStatistics, languages: Sequence[str]) -> Asked:
    """The question, its words read in the languages of the passages."""
    spoken = languages or [DEFAULT]
    names = {word for name in names_in(question) for word in words_of_question(name, languages=spoken)}
    weights = {
        word: min(weight_of(term, statistics) for term in word)
        for word in words_of_question(_MEASURE.sub(" ", without_asking(question)), languages=spoken)
    }
    numbers = frozenset(_NUMBER.findall(question))
    denies = is_negated(question, language_of_question(question.casefold().split(), spoken))
    plain = _IN_PARENTHESES.sub(" ", question)
    required = words_of_question(" ".join([*_sure_names(plain), *_COUNTED.findall(plain)]), languages=spoken)
    clause = frozenset(words_of_question(asking_clause(plain), languages=spoken)).intersection(weights)
    return Asked(
        weights, frozenset(weights) & names, numbers, answer_type(question), denies,
        required=frozenset(weights).intersection(required), clause=clause or frozenset(weights),
        years=frozenset(_YEAR.findall(years_whole(question))),
    )  # fmt: skip


def _sure_names(text: str) -> list[str]:
    """Its names; where no spaces part words, the numbers alone."""
    return [part for name in names_in(text) for part in ([name] if has_capitals(name) else _NUMBER.findall(name))]


def asking_clause(question: str) -> str:
    """From the word that asks up to the next sign that parts clauses; all of it where no word asks."""
    if (asks := _ASKS.search(question)) is None:
        return question
    ends = _CLAUSE_ENDS.search(question, asks.end())
    return _HOW_MUCH.sub("", question[asks.start() : ends.start() if ends else len(question)])


def years_whole(text: str) -> str:
    """The text with "FY22", "FY 2022" and the like as the year that is meant."""
    return _FISCAL.sub(lambda found: _year(found[1]), text)


def _year(digits: str) -> str:
    if len(digits) == 4:
        return digits
    return f"{20 if int(digits) < _THIS_CENTURY else 19}{digits}"


def said_in(text: str, language: str) -> Said:
    """What a text of that language says."""
    terms = terms_of_text(text, language=language)
    return Said(frozenset(terms), frozenset(pairwise(terms)), frozenset(_NUMBER.findall(text)), text.count(" ") + 1)


def languages_of(passages: Iterable[Passage]) -> dict[int, str]:
    """The language of each passage, by its chunk's id; the most common one is the first."""
    each = {passage.chunk_id: language_of_text(passage.text) for passage in passages}
    common = [language for language, _ in Counter(each.values()).most_common()]
    return dict(sorted(each.items(), key=lambda one: common.index(one[1])))


def answer_type(question: str) -> AnswerType:
    """By the first word that tells."""
    found = [
        (match.start(), place, kind) for place, (kind, words) in enumerate(_TYPES) if (match := words.search(question))
    ]
    return min(found)[2] if found else answer_type_elsewhere(question)


def names_in(text: str) -> list[str]:
    """Words that begin with a capital within a sentence, are all capitals, or have digits in them."""
    return [word for word in _NAME.findall(text) if word[0].isupper() or any(map(str.isdigit, word))]
