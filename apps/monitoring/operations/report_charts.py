"""The charts of reports, each with what it says in a sentence for those who can't see it. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.template.defaultfilters import date as date_shown
from django.utils.translation import gettext as _

from apps.monitoring.analytics.reports.answers import CacheWorth, Quality
from apps.monitoring.chart_styles import GOOD, LINES, PALETTE, SOFT, STACKED
from ragsite.core.numbers import number_shown

MOST_BASES = len(PALETTE)
"""Knowledge bases with a line of their own: those that were asked most."""


@dataclass(frozen=True, slots=True)
class ReportChart:
    """A chart as the page draws it."""

    title: str
    kind: str
    said: str
    data: str
    options: str


def found_chart(quality: Sequence[Quality], names: Mapping[UUID, str], steps: Sequence[date]) -> ReportChart | None:
    """The share of questions that found an answer: a line for each knowledge base with a name, of those that were asked most."""
    asked: Counter[UUID] = Counter()
    for one in quality:
        if one.knowledge_base in names:
            asked[one.knowledge_base] += one.questions
    most = [base for base, _number in asked.most_common(MOST_BASES)]
    if not most:
        return None
    by_step = {(one.knowledge_base, one.step): one for one in quality}
    sets = [
        _set(names[base], colour, [_percent(by_step.get((base, step))) for step in steps], is_line=True)
        for base, colour in zip(most, PALETTE, strict=False)
    ]
    told = [
        _("%(name)s: %(found)s of %(questions)s.") % {
            "name": names[base], "questions": number_shown(asked[base]),
            "found": number_shown(sum(one.found for one in quality if one.knowledge_base == base)),
        }
        for base in most
    ]  # fmt: skip
    words = " ".join([_("Questions that found an answer."), *told])
    return _chart(_("Answers found, in percent"), "line", words, steps, sets, LINES)


def cache_chart(cache: Sequence[CacheWorth], steps: Sequence[date]) -> ReportChart | None:
    """Answers that were made, and those that the cache gave again."""
    if not cache:
        return None
    by_step = {one.step: one for one in cache}
    again = [by_step[step].from_cache if step in by_step else 0 for step in steps]
    made = [by_step[step].answers - by_step[step].from_cache if step in by_step else 0 for step in steps]
    words = _("%(again)s answers were given again from the cache, %(made)s were made anew.") % {
        "again": number_shown(sum(again)), "made": number_shown(sum(made)),
    }  # fmt: skip
    sets = [
        _set(_("From the cache"), GOOD, again, is_line=False),
        _set(_("Made anew"), SOFT, made, is_line=False),
    ]
    return _chart(_("Answers"), "bar", words, steps, sets, STACKED)


def _percent(one: Quality | None) -> float | None:
    return round(100 * one.found / one.questions, 1) if one is not None and one.questions else None


def _set(label: str, colour: str, values: Sequence[float | None], *, is_line: bool) -> dict[str, Any]:
    return {
        "label": label, "data": list(values), "backgroundColor": colour, "borderColor": colour, "maxBarThickness": 28,
        "borderRadius": 2, "tension": 0.2, "spanGaps": True, "pointRadius": 2, "borderWidth": 2 if is_line else 0,
    }  # fmt: skip


def _chart(
    title: str, kind: str, words: str, steps: Sequence[date], sets: Sequence[dict[str, Any]], options: dict[str, Any]
) -> ReportChart:
    data = {"labels": [date_shown(step, _("j M")) for step in steps], "datasets": list(sets)}
    return ReportChart(title, kind, words, json.dumps(data), json.dumps(options))
