"""How good and how honest extractive answers are, by the product's own steps in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from apps.models.gateway import Deadline
from apps.retrieval.answers.extractive.scoring import scorer
from apps.retrieval.answers.materials import material_of
from apps.retrieval.answers.types import Statement
from apps.retrieval.pipeline import draft
from benchmarks.answers.bases import PATIENCE_SECONDS, Base
from benchmarks.answers.scored import answer_score
from benchmarks.answers.shares import refused_where, share, spread
from benchmarks.answers.spans import Cited, Spans
from benchmarks.answers.squad import AskedOf, Squad, halves
from benchmarks.place import say

AT_MOST = 2
"""Pieces of an answer that are looked at."""

WARMING = 20
OF_ANSWERABLE, OF_ON_TOPIC = 0.92, 0.95

Figures = dict[str, Any]


def gold(base: Base, questions: Sequence[AskedOf], spans: Spans) -> Figures:
    """Whether the first pieces hold an answer, as shipped; and what making them takes beside the search before it."""
    for one in questions[:WARMING]:
        _answered(base, one)
    held, answered, searches, steps = [], [], [], []
    for one in questions:
        pieces, search, step = _answered(base, one)
        spans.add(_cited(pieces))
        held.append(any(one.is_answered_by(piece.text) for piece in pieces[:AT_MOST]))
        answered.append(bool(pieces))
        searches.append(search)
        steps.append(step)
    say(f"search {median(searches) * 1e3:.1f} ms, the answer's making {median(steps) * 1e3:.1f} ms, medians")
    return {
        "answer_contains_gold": share(held),
        "answer_contains_gold_answered": share([right for right, any_ in zip(held, answered, strict=True) if any_]),
        "answered": share(answered),
        "extractive_step_vs_search_p50": median(steps) / median(searches),
    }


def _answered(base: Base, question: AskedOf) -> tuple[list[Statement], float, float]:
    """The statements of an answer, and the seconds of the search and of the rest."""
    began = time.perf_counter()
    found = base.search(question.text)
    searched = time.perf_counter()
    pieces = list(draft(found, deadline=Deadline.after(PATIENCE_SECONDS)))
    made = time.perf_counter()
    return [one for one in pieces if isinstance(one, Statement)], searched - began, made - searched


def _cited(statements: Sequence[Statement]) -> list[Cited]:
    return [
        Cited(one.passage.version_id, one.start, one.end, one.quote)
        for statement in statements
        for one in statement.quotations
    ]


def unanswerable(base: Base, squad: Squad, number: int) -> Figures:
    """The share of impossible questions that are refused, at the threshold that lets OF_ANSWERABLE of the others through."""
    impossible, answerable = (
        _scores(base, spread([one for one in squad.questions if bool(one.answers) is has], number))
        for has in (False, True)
    )
    least = scorer().least
    return {
        "refused_unanswerable": refused_where(impossible, answerable, answered=OF_ANSWERABLE),
        "refused_unanswerable_as_shipped": share([score < least for score in impossible]),
        "answered_as_shipped": share([score >= least for score in answerable]),
        "unanswerable_questions": len(impossible),
    }


def off_topic(base: Base, squad: Squad, number: int) -> Figures:
    """The base holds one half of the articles: the share of questions about the other half that are refused, at the threshold
    that lets OF_ON_TOPIC of those about the first one through.
    """
    held = halves(one.article for one in squad.paragraphs)
    off, on = (
        _scores(base, spread([one for one in squad.questions if (squad.article_of(one) in held) is is_on], number))
        for is_on in (False, True)
    )
    least = scorer().least
    return {
        "refused_off_topic": refused_where(off, on, answered=OF_ON_TOPIC),
        "refused_off_topic_as_shipped": share([score < least for score in off]),
        "answered_on_topic_as_shipped": share([score >= least for score in on]),
    }


def _scores(base: Base, questions: Sequence[AskedOf]) -> list[float]:
    return [answer_score(material_of(base.search(one.text))) for one in questions]
