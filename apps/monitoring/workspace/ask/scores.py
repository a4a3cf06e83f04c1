"""Scores, steps and times of a search in words that people use. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.documents.retrieval_settings import Fusion, Mode
from apps.retrieval.doors.admin.showing import step_titles, steps_in_order
from apps.retrieval.doors.search_shapes import ExplanationOut, PlanOut, ScoresOut
from apps.retrieval.search.dense import SearchPlan
from ragsite.core.numbers import number_shown


@dataclass(frozen=True, slots=True)
class Bar:
    """A step that took so many milliseconds, after the steps before it; `x` and `width` are of 100."""

    name: str
    title: str
    milliseconds: float
    x: str
    width: str


def scores_said(scores: ScoresOut | None) -> str:
    """What each step thought of a passage: `by meaning 0.71, rank 2 · by words rank 1 · its name has: adobe, 2022`. A rank says
    more than a figure of BM25, and the figure of both together is a share of the best one, so neither is told here.
    """
    return " · ".join(_said(scores)) if scores else ""


def _said(scores: ScoresOut) -> Iterator[str]:
    if scores.dense is not None:
        rank = _("rank %(rank)d") % {"rank": scores.dense_rank} if scores.dense_rank else _("found by words alone")
        yield _("by meaning %(score).2f, %(rank)s") % {"score": scores.dense, "rank": rank}
    if scores.lexical_rank is not None:
        yield _("by words rank %(rank)d") % {"rank": scores.lexical_rank}
    elif scores.lexical is not None:
        yield _("found by meaning alone")
    if scores.name_words:
        yield _("its name has: %(words)s") % {"words": ", ".join(scores.name_words)}
    if scores.page_rank is not None and scores.page_rank > 1:
        yield _("passage %(rank)d of its page") % {"rank": scores.page_rank}
    if scores.rerank is not None and scores.rerank_rank is not None:
        yield _("reranked %(score).2f, rank %(rank)d") % {"score": scores.rerank, "rank": scores.rerank_rank}


def figures_said(scores: ScoresOut | None) -> str:
    """The exact figures behind the words."""
    if scores is None:
        return ""
    named = {
        _("cosine"): scores.dense, "BM25": scores.lexical, _("both together"): scores.fused, _("name"): scores.named,
        _("reranker"): scores.rerank,
    }  # fmt: skip
    return " · ".join(f"{name} {number_shown(figure, 3)}" for name, figure in named.items() if figure is not None)


def search_said(explanation: ExplanationOut | None) -> list[str]:
    """How the passages came about, in sentences."""
    if explanation is None:
        return []
    told = [_mode(explanation)]
    told += [
        _("%(leg)s: plan %(plan)s, in %(count)d of the index generations.")
        % {"leg": _leg(one.leg), "plan": one.plan, "count": len(one.generations)}
        for one in explanation.plans
    ]
    told += _preferred(explanation)
    told += [_parts(one) for one in explanation.plans if one.parts]
    counted = ", ".join(f"{name} {number}" for name, number in explanation.candidates.items())
    return [*told, _("Passages that each step left: %(counted)s.") % {"counted": counted}] if counted else told


def _preferred(explanation: ExplanationOut) -> Iterator[str]:
    """What counts beside meaning and words."""
    if explanation.mode is not Mode.HYBRID or explanation.fusion is not Fusion.CONVEX:
        return
    if explanation.names > 0:
        yield _("A document's name counts %(share)d %% where any name has words of the question.") % {
            "share": round(explanation.names * 100)
        }
    if explanation.same_page < 1:
        yield _("Each further passage of a page counts %(share)d %% of what it counted before.") % {
            "share": round(explanation.same_page * 100)
        }


def _mode(explanation: ExplanationOut) -> str:
    if explanation.mode is not Mode.HYBRID:
        return _("Searched by words alone.") if explanation.mode is Mode.LEXICAL else _("Searched by meaning alone.")
    share = {"share": round(explanation.weight * 100)}
    if explanation.fusion is Fusion.RRF:
        return _("Searched by meaning (counts %(share)d %%) and by words, and put in order by their ranks.") % share
    return (
        _(
            "Searched by meaning (counts %(share)d %%) and by words. The figure of both together is the share of the best score "
            "that was found, so the first passage is near 1 whether it is good or not."
        )
        % share
    )


def _parts(plan: PlanOut) -> str:
    looked_into = sum(one.plan != SearchPlan.LEFT_OUT for one in plan.parts)
    return _("Looked into %(looked)d of %(total)d parts of the index.") % {
        "looked": looked_into,
        "total": len(plan.parts),
    }


def _leg(leg: Mode) -> str:
    return _("By meaning") if leg is Mode.DENSE else _("By words")


def waterfall(milliseconds: Mapping[str, float]) -> list[Bar]:
    """The steps one after the other, as shares of the whole."""
    steps = steps_in_order(milliseconds)
    total, begun, bars = sum(steps.values()) or 1.0, 0.0, []
    for name, took in steps.items():
        x, width = 100 * begun / total, 100 * took / total
        bars.append(Bar(name, step_titles().get(name, name), took, f"{x:.2f}", f"{max(width, 0.6):.2f}"))
        begun += took
    return bars
