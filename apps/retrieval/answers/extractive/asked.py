"""What a question asks for: its terms and how much each tells, its names and numbers, and the type of its answer. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from apps.retrieval.answers.extractive.commonness import weight_of
from apps.retrieval.index.lexical.analysis import DEFAULT, language_of_text, terms_of_question, terms_of_text
from apps.retrieval.index.lexical.reading import TermStatistics
from apps.retrieval.search.passages import Passage


class AnswerType(StrEnum):
    """What a good answer holds."""

    TIME = "time"
    NUMBER = "number"
    PERSON = "person"
    PLACE = "place"
    CAUSE = "cause"
    MANNER = "manner"
    OTHER = "other"


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
_NEGATED = re.compile(
    r"(?<!\w)(?:not|never|no|none|without|nicht|nie|kein\w*|ohne|jamais|sans|nunca|non|senza|niet|geen|не|нет)(?!\w)|n['’]t(?!\w)",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[\w,;)('\"“„»]\s)\w+|\b(?:\w*\d\w*|[A-Z]{2,})\b")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Said:
    """A text in words: its terms, neighbouring pairs of them, its numbers, and how many words it has."""

    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    words: int


NOTHING_SAID = Said(frozenset(), frozenset(), frozenset(), 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words. `weights` says of each of its terms, once, how much it tells: 0 to 1."""

    said: Said
    names: frozenset[str]
    weights: Mapping[str, float]
    kind: AnswerType
    is_negated: bool

    @property
    def total(self) -> float:
        """Of all weights."""
        return sum(self.weights.values())


def asked_of(question: str, *, statistics: TermStatistics, languages: Sequence[str]) -> Asked:
    """The question, its terms read in the languages of the passages."""
    terms = terms_of_question(question, languages=languages or [DEFAULT])
    names = {term for name in names_in(question) for term in terms_of_question(name, languages=languages or [DEFAULT])}
    said = _said(question, terms)
    told = {term: weight_of(term, statistics) for term in said.terms}
    return Asked(said, said.terms & names, told, answer_type(question), is_negated(question))


def said_in(text: str, language: str) -> Said:
    """What a text of that language says."""
    return _said(text, terms_of_text(text, language=language))


def _said(text: str, terms: Sequence[str]) -> Said:
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
    return min(found)[2] if found else AnswerType.OTHER


def is_negated(text: str) -> bool:
    """Whether something is denied in it."""
    return bool(_NEGATED.search(text))


def names_in(text: str) -> list[str]:
    """Words that begin with a capital within a sentence, are all capitals, or have digits in them."""
    return [word for word in _NAME.findall(text) if word[0].isupper() or any(map(str.isdigit, word))]
