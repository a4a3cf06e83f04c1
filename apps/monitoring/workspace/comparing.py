"""Two runs of a set beside each other, question by question: what was won, what was lost, and whether that is chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from apps.documents.admin.addresses import span_url
from apps.documents.models import LIVING, Document
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.workspace.place import Place
from apps.retrieval.evaluation.comparing import Comparison, FigureComparison, QuestionComparison, runs_compare
from apps.retrieval.models import EvaluationResult, EvaluationRun, RunState
from ragsite.core.admin.base import errors_told, row_url

OTHERS = 50
"""Runs of the set that may be chosen, the last ones."""
QUESTIONS = 25
PLACES = 5
CHANCE = 0.05
"""Below this p-value a difference is called more than chance."""


@dataclass(frozen=True, slots=True)
class ShownPlace:
    """A place of a ranking: the document, without its name and title where the reader may not know them."""

    name: str
    title: str
    url: str
    is_relevant: bool = False
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """Where one run had the right document, and what it had first."""

    rank: int | None
    places: tuple[ShownPlace, ...]


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question that the two runs answer differently."""

    text: str
    difference: float
    run: Side
    against: Side

    @property
    def is_better(self) -> bool:
        return self.difference > 0


def comparison_page(place: Place) -> HttpResponse:
    """The runs `run` and `against` of one set; with `show` only the questions that are `better`, or `worse`.

    Raises:
        Http404: a run is not one of this knowledge base, or both are not of one set.
    """
    run = _run(place, place.request.GET.get("run", ""))
    others = run.evaluation_set.runs.filter(state=RunState.DONE).select_related("evaluation_set")
    against = _run(place, place.request.GET.get("against", ""))
    context: dict[str, Any] = {"run": run, "against": against, "runs": others[:OTHERS]}
    with errors_told(place.request):
        context |= _compared(place, runs_compare(run=run, against=against))
    return place.page("ragsite/workspace/comparison.html", context)


def _compared(place: Place, compared: Comparison) -> dict[str, Any]:
    first = compared.figures[0]
    wanted = place.request.GET.get("show", "")
    better = [one for one in reversed(compared.questions) if one.difference > 0]
    worse = [one for one in compared.questions if one.difference < 0]
    shown = {"better": better, "worse": worse}.get(wanted, [*worse, *better])
    page: Page[QuestionComparison] = Paginator(shown, QUESTIONS).get_page(place.request.GET.get("page"))
    return {
        "compared": compared,
        "first": first,
        "is_more_than_chance": first.p < CHANCE,
        "advice": tuple(comparison_advice(first)),
        "page": page,
        "questions": _shown(place, compared, list(page)),
        "show": wanted,
        "shows": [
            ("", _("All that differ"), len(compared.questions)),
            ("worse", _("Worse"), first.worse),
            ("better", _("Better"), first.better),
        ],
        "ask_url": place.url("ask"),
        "settings_url": place.url("settings") if place.may("documents.change_knowledgebase") else "",
        "set_url": row_url(compared.run.evaluation_set),
    }


def comparison_advice(first: FigureComparison) -> Iterator[str]:
    """What follows from the comparison, for whoever changes how it is searched."""
    if not first.better and not first.worse:
        yield _("Both find the same. Keep the one that is faster, or add harder questions.")
    elif first.p >= CHANCE:
        yield _("The difference may be chance. Add questions until it is clear, or keep what you have.")
    elif first.difference > 0:
        yield _(
            "The first run is better: make what it was done with the setting. Read the questions it lost before you do."
        )
    else:
        yield _("The first run is worse: keep what the other was done with. The questions it won may show a third way.")


def _run(place: Place, pk: str) -> EvaluationRun:
    runs = EvaluationRun.objects.filter(evaluation_set__knowledge_base=place.knowledge_base, state=RunState.DONE)
    try:
        found = runs.select_related("evaluation_set").filter(pk=pk).first()
    except ValidationError:
        found = None
    if found is None:
        raise Http404("There is no such run of this knowledge base that is done.")
    return found


def _shown(place: Place, compared: Comparison, rows: Sequence[QuestionComparison]) -> list[ShownQuestion]:
    ids = [row.question_id for row in rows]
    ours, theirs = (_results(run.results, ids) for run in (compared.run, compared.against))
    known = _known(place, (*ours.values(), *theirs.values()))
    return [
        ShownQuestion(
            row.text, row.difference, _side(ours[row.question_id], known), _side(theirs[row.question_id], known)
        )
        for row in rows
    ]


def _results(results: Any, ids: Sequence[UUID]) -> dict[UUID, EvaluationResult]:
    of_run: QuerySet[EvaluationResult] = results.filter(question__in=ids)
    return {one.question_id: one for one in of_run if one.question_id is not None}


def _side(result: EvaluationResult, known: Mapping[str, ShownPlace]) -> Side:
    unknown = _("A document that is gone, or not for you to read")
    gone = ShownPlace(unknown, unknown, "")
    places = ((known.get(one["document"], gone), one) for one in result.ranking[:PLACES])
    rank = result.metrics.get("mrr", 0.0)
    return Side(
        rank=round(1 / rank) if rank else None,
        places=tuple(
            replace(shown, is_relevant=bool(one["grade"]), is_wrong=one.get("wrong", False)) for shown, one in places
        ),
    )


def _known(place: Place, results: Sequence[EvaluationResult]) -> dict[str, ShownPlace]:
    """The ranked documents that are still there and that the reader may see."""
    ranked = {one["document"] for result in results for one in result.ranking[:PLACES]}
    documents: QuerySet[Document] = documents_shown_to(place.request.user).filter(LIVING, pk__in=ranked)
    return {
        str(one.pk): ShownPlace(one.name, one.title, span_url(place.knowledge_base.pk, one.pk)) for one in documents
    }
