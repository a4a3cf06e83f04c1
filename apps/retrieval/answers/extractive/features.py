"""What is looked at to tell whether a unit answers a question: one row of numbers for each, most from 0 to 1. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from apps.retrieval.answers.checking.reading import is_negated
from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.asked import (
    NOTHING_SAID,
    Asked,
    Said,
    Word,
    languages_of,
    names_in,
    said_in,
)
from apps.retrieval.answers.extractive.other_scripts import has_capitals, holds_numeral
from apps.retrieval.answers.extractive.units import Unit, UnitKind
from apps.retrieval.search.passages import Passage

FEATURES = (
    "met",  # share of the weight of the question's terms that stand in the unit
    "met_near",  # in it, the unit before it, the title or the headings
    "met_passage",  # in its passage, title or headings
    "terms_met",  # the same as the first, without weights
    "pairs_met",  # neighbouring terms of the question that are neighbours in it
    "heaviest_missing",  # weight of the heaviest term that it does not have
    "heaviest_missing_passage",
    "names_missing",  # of the question's names, the share that it does not have
    "names_missing_passage",
    "numbers_missing",
    "numbers_missing_passage",
    "type_held",  # it holds what the type of the answer asks for, beyond what the question says
    "type_missing",
    "cause_held",
    "negated_otherwise",  # one of the two denies something, and the other does not
    "new_terms",  # logarithm of how many terms it adds
    "short",  # fewer than six words
    "first",  # the first unit of its passage
    "row",
    "nearness",  # cosine similarity of its passage
    "nearness_unknown",
    "words_share",  # BM25 of its passage over the best one's
    "rank",  # 1 / (1 + place of its passage)
)

SHORT = 6

_TIME = re.compile(
    r"\b(?:1[0-9]|20)\d\d\b|\d{1,2}[:.]\d{2}|\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\bcentur|\bJahrhundert|\bsiècle|"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec|Dez|Mär|Mai|janv|févr|mars|avr|juin|juil|août)\w*\.? ?\d|"
    r"\d\.? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec|Dez|Mär|Mai|janv|févr|mars|avr|juin|juil|août)|"
    r"\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b|\b(?:day|week|month|year|hour|minute)s?\b|\bTage?n?\b|\bJahre?n?\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|billion|half|"
    r"zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|deux|trois|quatre|cinq|dos|tres|cuatro|cinco)\b",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\b(?:because|due to|since|so that|in order to|as a result|therefore|thus|caused?|led to|leads to|reasons?|owing to|"
    r"to (?:avoid|prevent|protect|reduce|increase|allow|ensure|make|keep)|weil|wegen|damit|daher|deshalb|aufgrund|"
    r"parce que|car|afin|porque|debido|para que|perché|poiché|omdat|потому)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|near|from|to|of|bei|nach|aus|à|en|chez|a|di|da)\s+(?:the |der |dem |la |le )?[A-ZÄÖÜÉ]"
    r"|\b(?:in|at|near|behind|outside|inside|beside|opposite|under|above) the "
    r"(?!morning|afternoon|evening|year|century|case|event|form|process|end|beginning|following|first|same)[a-z]"
)


def says_number(text: str) -> bool:
    """Whether it has a number, in figures or in words."""
    return _NUMBER.search(text) is not None or holds_numeral(text)


def features_of(asked: Asked, units: Sequence[Unit]) -> NDArray[np.float64]:
    """The features of each unit: (n, len(FEATURES))."""
    if not units:
        return np.empty((0, len(FEATURES)))
    around = _Around.of([unit.passage for unit in units])
    rows, before = [], NOTHING_SAID
    for unit in units:
        said = said_in(" ".join([*unit.head, unit.text]), around.languages[unit.passage.chunk_id])
        rows.append(_row(asked, _Read(unit, said, before if unit.order else NOTHING_SAID), around))
        before = said
    return np.array(rows, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Around:
    """Of each passage by its chunk's id: its language, what it says, what its title and headings say; and the best score by
    words.
    """

    languages: Mapping[int, str]
    said: Mapping[int, Said]
    titles: Mapping[int, frozenset[str]]
    best_words: float

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> _Around:
        each = {one.chunk_id: one for one in passages}
        languages = languages_of(each.values())
        said = {pk: said_in(one.text, languages[pk]) for pk, one in each.items()}
        titles = {
            pk: said_in(" ".join([one.document_title, *one.heading_path]), languages[pk]).terms
            for pk, one in each.items()
        }
        return cls(languages, said, titles, max((one.scores.lexical or 0.0 for one in each.values()), default=0.0))


@dataclass(frozen=True, slots=True)
class _Read:
    """A unit, what it says, and what the unit before it in the same passage says."""

    unit: Unit
    said: Said
    before: Said


def _row(asked: Asked, read: _Read, around: _Around) -> list[float]:
    unit, said = read.unit, read.said
    of_passage, titles = around.said[unit.passage.chunk_id], around.titles[unit.passage.chunk_id]
    near = said.terms | read.before.terms | titles
    anywhere = near | of_passage.terms
    holds, scores = _holds(asked, unit.text, said), unit.passage.scores
    return [
        _met(asked, said.terms),
        _met(asked, near),
        _met(asked, anywhere),
        _words_share(asked.words, said.terms),
        _pairs_share(asked.words, said.pairs),
        _heaviest_missing(asked, said.terms),
        _heaviest_missing(asked, anywhere),
        1 - _words_share(asked.names, said.terms),
        1 - _words_share(asked.names, anywhere),
        1 - _share(asked.numbers, said.numbers),
        1 - _share(asked.numbers, of_passage.numbers | said.numbers),
        float(holds is True),
        float(holds is False),
        float(asked.kind is AnswerType.CAUSE and holds is True),
        float(asked.is_negated != is_negated(unit.text, around.languages[unit.passage.chunk_id])),
        math.log1p(len(said.terms - asked.terms)),
        float(said.words < SHORT),
        float(unit.order == 0),
        float(unit.kind is not UnitKind.SENTENCE),
        max(scores.dense or 0.0, 0.0),
        float(scores.dense is None),
        (scores.lexical or 0.0) / around.best_words if around.best_words else 0.0,
        1 / (1 + unit.rank),
    ]


def _met(asked: Asked, terms: frozenset[str]) -> float:
    return sum(weight for word, weight in asked.weights.items() if not terms.isdisjoint(word)) / (asked.total or 1.0)


def _heaviest_missing(asked: Asked, terms: frozenset[str]) -> float:
    return max((weight for word, weight in asked.weights.items() if terms.isdisjoint(word)), default=0.0)


def _words_share(words: Collection[Word], terms: frozenset[str]) -> float:
    """How many of the words are met; 1 where there are none."""
    return sum(not terms.isdisjoint(word) for word in words) / len(words) if words else 1.0


def _pairs_share(words: Sequence[Word], pairs: frozenset[tuple[str, str]]) -> float:
    """How many neighbours are neighbours there, too."""
    wanted = list(pairwise(words))
    met = sum(any(pair in pairs for pair in product(*pair_of_words)) for pair_of_words in wanted)
    return met / len(wanted) if wanted else 1.0


def _is_asked(asked: Asked, name: str) -> bool:
    return name.casefold() in asked.terms


def _share(wanted: frozenset[str], had: frozenset[str]) -> float:
    """1 where nothing is wanted."""
    return len(wanted & had) / len(wanted) if wanted else 1.0


def _holds(asked: Asked, text: str, said: Said) -> bool | None:
    """Whether it holds what the type of the answer asks for; None where the type does not tell, or the script."""
    if not has_capitals(text):
        counts = asked.kind in (AnswerType.TIME, AnswerType.NUMBER)
        return True if counts and (said.numbers - asked.numbers or holds_numeral(text)) else None
    match asked.kind:
        case AnswerType.TIME:
            return bool(_TIME.search(text)) and not said.numbers <= asked.numbers
        case AnswerType.NUMBER:
            return bool(said.numbers - asked.numbers or _NUMBER.search(text))
        case AnswerType.PERSON:
            return any(not _is_asked(asked, word) for word in names_in(text))
        case AnswerType.PLACE:
            return bool(_PLACE.search(text))
        case AnswerType.CAUSE:
            return bool(_CAUSE.search(text))
        case _:
            return None
