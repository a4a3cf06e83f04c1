"""How well a row of a table answers a question: by what the row and its columns are called, where what stands around the table
says the rest. Pure.

    around   = words of the question that the document's name, its headings, the line above the table or the columns' names have
    recall   = of the words that the row has, and those that are in neither, the share that it has
    label    = of the words of what the row is called, the share that is asked for
    fit      = 2 * recall * label / (recall + label)
    score    = fit * share of the weight of all words that are met, less a little for each reason to prefer another row

A report's title says whose figures these are, the head of its page of which statement, the column of which year: none of it is
in the row, and none of it tells one row from the next. What is left of the question has to be the row's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from apps.retrieval.answers.extractive.answer_types import AnswerType
from apps.retrieval.answers.extractive.asked import Asked, Word, years_whole
from apps.retrieval.answers.extractive.columns import columns_asked, columns_named
from apps.retrieval.answers.extractive.features import says_number
from apps.retrieval.answers.extractive.units import Unit
from apps.retrieval.index.lexical.analysis import terms_of_text

LEAST_FIT, LEAST_COVERAGE = 0.55, 0.4
"""Of recall and label together, and of the weight of all words of the question, what an answer needs."""

NEXT_PASSAGE = 0.01
"""What a row loses for each passage that is better than its own: of rows called the same the better passage's is taken."""

ALL_COLUMNS = 0.1
"""What a row loses where no column is the one asked for."""

SAID_AROUND = 0.1
"""What a row loses where around it stands what another row is called."""

LACKS_YEAR = 0.2
"""What a row loses where only the document's name has the year that is asked for. No head of a table has the fiscal year that is
called after the year to come, so that this is no reason to have no answer.
"""

_WORD = re.compile(r"[^\W\d_]{2}")
SIGNS = {"$": "usd dollar", "€": "eur euro", "£": "gbp pound", "¥": "jpy yen", "%": "percent percentage"}
"""What is said by a sign, in words that a question may have for it."""

REMEMBERED = 4096
"""Texts whose terms are kept: the names of columns and headings come again with each row."""

Terms = frozenset[str]


@dataclass(frozen=True, slots=True)
class Setting:
    """What rows are read in: of each passage by its chunk's id its language, of each document the question's words that its name
    has.
    """

    languages: Mapping[int, str]
    named: Mapping[UUID, Sequence[str]]


class RowScore(NamedTuple):
    """How well a row answers, and of the weight of the question's words how much is met; both 0 to 1."""

    score: float
    coverage: float


NO_ROW = RowScore(0.0, 0.0)


def row_scores(asked: Asked, rows: Sequence[Unit], setting: Setting) -> list[RowScore]:
    """How well each row answers; not at all where a name of the question, or what it counts, is not met."""
    return [_score(asked, _Row.of(one, setting), one.rank) for one in rows]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row by its terms: of each of its cells that has words, of those of them with a number, of its other cells, of each
    column's name, of what the row has in common with those beside it, of the document's name, and of what else stands around it.
    """

    cells: Sequence[Terms]
    numbered: Sequence[Terms]
    figures: Terms
    columns: Sequence[Terms]
    group: Terms
    named: Terms
    around: Terms

    @classmethod
    def of(cls, unit: Unit, setting: Setting) -> _Row:
        passage, table = unit.passage, unit.table
        language = setting.languages[passage.chunk_id]
        group = table.group.cells[0] if table and table.group else ""
        around = [*passage.heading_path, *([table.above, *table.cells[:1]] if table else [])]
        worded = [one for one in unit.cells if has_words(one)]
        return cls(
            cells=[row_terms(one, language) for one in worded],
            numbered=[row_terms(one, language) for one in worded if says_number(one)],
            figures=row_terms(" ".join(one for one in unit.cells if not has_words(one)), language),
            columns=[row_terms(one, language) for one in columns_named(unit.head)[1:]],
            group=row_terms(group, language),
            named=row_terms(" ".join(setting.named.get(passage.document_id, ())), language),
            around=row_terms(" ".join(around), language),
        )


def has_words(cell: str) -> bool:
    """Whether a cell says something in words, rather than a figure, a date or nothing."""
    return _WORD.search(cell) is not None


@lru_cache(maxsize=REMEMBERED)
def row_terms(text: str, language: str) -> Terms:
    """The terms of a text, with words for its signs and whole years."""
    signs = [words for sign, words in SIGNS.items() if sign in text]
    return frozenset(terms_of_text(" ".join([years_whole(text), *signs]), language=language))


def _score(asked: Asked, row: _Row, rank: int) -> RowScore:
    named, beside = _met(asked, row.named), _met(asked, row.figures.union(*row.columns))
    own, around = _met(asked, row.group.union(*row.cells)) - named, _met(asked, row.around)
    met = own | named | beside | around
    missing = asked.clause - met
    if not own or not _may_answer(asked, met) or (asked.kind is AnswerType.NUMBER and not _has_number(asked, row)):
        return NO_ROW
    recall, label = len(own) / len(own | missing), _label_share(asked, row)
    if label == 0.0 or (fit := 2 * recall * label / (recall + label)) < LEAST_FIT:
        return NO_ROW
    if (coverage := sum(asked.weights[word] for word in met) / asked.total) < LEAST_COVERAGE:
        return NO_ROW
    told = own | (around - named - beside)
    less = [
        NEXT_PASSAGE * rank,
        ALL_COLUMNS * _columns_left(asked, row.columns),
        SAID_AROUND * (1 - len(own) / len(told)),
        LACKS_YEAR * _lacks_year(asked, row),
    ]
    return RowScore(fit * coverage * math.prod(1 - one for one in less), coverage)


def _may_answer(asked: Asked, met: frozenset[Word]) -> bool:
    """Whether all names are met, and something besides names, if there is more: the row of Sweden does not say how many people
    live there.
    """
    unnamed = asked.clause - asked.names
    return asked.required <= met and (not unnamed or not unnamed.isdisjoint(met))


def _has_number(asked: Asked, row: _Row) -> bool:
    """Whether a number stands beside what the row is called: where none does it is the names of columns once more."""
    name = _name_cell(asked, row)
    return any(any(map(str.isdigit, term)) for term in row.figures) or any(one != name for one in row.numbered)


def _name_cell(asked: Asked, row: _Row) -> Terms:
    """The cell that has most of the question."""
    return max(row.cells, key=lambda one: len(one & asked.terms), default=frozenset())


def _met(asked: Asked, terms: Terms) -> frozenset[Word]:
    return frozenset(word for word in asked.weights if not terms.isdisjoint(word))


def _label_share(asked: Asked, row: _Row) -> float:
    """Of the terms of the cell that has most of the question, the share that is asked for; those of what it has in common with
    the rows beside it are its own where they add to it.
    """
    name = _name_cell(asked, row)
    if row.group & asked.terms - name:
        name |= row.group
    # Of scripts that put no spaces between words texts have single characters, too, and questions none.
    name = frozenset(term for term in name if len(term) > 1 or term.isascii())
    return len(name & asked.terms) / len(name) if name else 0.0


def _columns_left(asked: Asked, columns: Sequence[Terms]) -> float:
    return len(columns_asked(columns, asked.terms)) / len(columns) if columns else 1.0


def _lacks_year(asked: Asked, row: _Row) -> bool:
    """Whether the question has a year, and the table does not say that it is of it."""
    return bool(asked.years) and asked.years.isdisjoint(row.around.union(row.group, *row.cells, *row.columns))
