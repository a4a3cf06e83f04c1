"""How well a knowledge base answers: its sets of questions, what their runs found, and what to try next."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Count, FloatField, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import date as date_shown
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by
from apps.models.selectors import reranker_default
from apps.monitoring.chart_styles import LINES, PALETTE
from apps.monitoring.workspace.comparing import comparison_page
from apps.monitoring.workspace.place import Place
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.models import RUN_ENDED, EvaluationResult, EvaluationRun, EvaluationSet, RunState
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.admin.base import acting, errors_told, row_url

SETS = 20
RUNS = 20
"""Runs of a set that are drawn, the last ones."""

WAYS = {
    Mode.HYBRID: gettext_lazy("by meaning and words"),
    Mode.DENSE: gettext_lazy("by meaning alone"),
    Mode.LEXICAL: gettext_lazy("by words alone"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run says in plain words: of so many questions the right document came first, was among the first, or not at all."""

    total: int
    first: int
    among: int
    missed: int


@dataclass(frozen=True, slots=True)
class ShownSet:
    """A set with its last run that is done, the one under way, and the runs before them as a chart."""

    row: EvaluationSet
    url: str
    questions: int
    last: EvaluationRun | None
    reading: Reading | None
    under_way: EvaluationRun | None
    advice: tuple[str, ...]
    chart: str
    compare: str


def evaluate_tab(place: Place) -> HttpResponse:
    """Show the sets; a POST starts a run of one. `?part=live` is what changes while a run goes on, `?run=…&against=…` two runs
    beside each other.
    """
    request, knowledge_base = place.request, place.knowledge_base
    if not knowledge_bases_readable_by(request.user).filter(pk=knowledge_base.pk).exists():
        raise PermissionDenied
    if request.method == "POST":
        _start(place)
        return redirect(request.path)
    if "against" in request.GET:
        return comparison_page(place)
    sets = _sets(knowledge_base)
    context = {
        "sets": sets,
        "under_way": any(one.under_way for one in sets),
        "may_run": place.may("retrieval.change_evaluationset"),
        "may_add": place.may("retrieval.add_evaluationset"),
        "add_url": f"{reverse('admin:retrieval_evaluationset_add')}?knowledge_base={knowledge_base.pk}",
        "ask_url": place.url("ask"),
        "ways": [(mode.value, said) for mode, said in WAYS.items()],
        "has_reranker": reranker_default() is not None,
        "chart_options": json.dumps(LINES),
    }
    is_part = request.GET.get("part") == "live"
    return place.page(f"ragsite/workspace/evaluate{'_sets' if is_part else ''}.html", context)


def _start(place: Place) -> None:
    if not place.may("retrieval.change_evaluationset"):
        raise PermissionDenied
    request, wanted = place.request, place.request.POST.get("set", "")
    row = next((one for one in _rows(place.knowledge_base) if str(one.pk) == wanted), None)
    if row is None or request.POST.get("mode") not in {mode.value for mode in WAYS}:
        raise Http404("There is no such evaluation set, or no such way to search.")
    how = Searching(mode=Mode(request.POST["mode"]), rerank="rerank" in request.POST)
    with errors_told(request):
        evaluation_run_start(evaluation_set=row, how=how, actor=acting(request))


def _rows(knowledge_base: KnowledgeBase) -> QuerySet[EvaluationSet]:
    sets = EvaluationSet.objects.filter(knowledge_base=knowledge_base)
    return sets.annotate(question_total=Count("questions")).order_by("-pk")[:SETS]


def _sets(knowledge_base: KnowledgeBase) -> list[ShownSet]:
    """Newest first, in a number of queries that does not grow with them."""
    rows = list(_rows(knowledge_base))
    runs: dict[Any, list[EvaluationRun]] = {one.pk: [] for one in rows}
    for run in EvaluationRun.objects.filter(evaluation_set__in=rows).select_related("evaluation_set")[: SETS * RUNS]:
        runs[run.evaluation_set_id].append(run)
    done = {pk: [one for one in of_set if one.state == RunState.DONE] for pk, of_set in runs.items()}
    readings = _readings([of_set[0] for of_set in done.values() if of_set])
    return [_shown(row, runs[row.pk], done[row.pk], readings) for row in rows]


def _shown(
    row: Any, runs: Sequence[EvaluationRun], done: Sequence[EvaluationRun], readings: dict[Any, Reading]
) -> ShownSet:
    last = done[0] if done else None
    reading = readings.get(last.pk) if last else None
    return ShownSet(
        row=row,
        url=row_url(row),
        questions=row.question_total,
        last=last,
        reading=reading,
        under_way=next((one for one in runs if one.state not in RUN_ENDED), None),
        advice=tuple(_advice(last, reading, done)) if last and reading else (),
        chart=_chart(done[:RUNS]) if len(done) > 1 else "",
        compare=_compared(done),
    )


def _readings(runs: Sequence[EvaluationRun]) -> dict[Any, Reading]:
    """Of each run, at how many questions the right document came first, and at how many it was found."""
    rank = Cast(KeyTextTransform("mrr", "metrics"), FloatField())
    counted = (
        EvaluationResult.objects.filter(run__in=runs)
        .annotate(rank=rank)
        .values("run_id")
        .annotate(
            total=Count("pk"),
            first=Count("pk", filter=Q(rank__gte=1)),
            among=Count("pk", filter=Q(rank__gte=1 / Cast("run__k", FloatField()))),
            missed=Count("pk", filter=Q(rank__lte=0)),
        )
    )
    return {one.pop("run_id"): Reading(**one) for one in counted}


def _advice(last: EvaluationRun, reading: Reading, done: Sequence[EvaluationRun]) -> Iterator[str]:
    """What might help, by where the right documents are."""
    behind = reading.total - reading.first - reading.missed
    tried = {(one.mode, one.rerank) for one in done}
    if behind and not last.rerank and reranker_default() is not None and (last.mode, True) not in tried:
        yield gettext("At %(count)s the right document is found, but not first: try it with the reranker.") % {
            "count": behind
        }
    if reading.missed:
        yield gettext(
            "At %(count)s it is not found at all: see whether these documents were read well, and try another way of "
            "cutting on the Index tab."
        ) % {"count": reading.missed}
    if len(done) == 1 and last.mode == Mode.HYBRID:
        yield gettext(
            "Run it by words alone, too: where that is better, meaning and words can be weighed anew in the settings."
        )
    if not behind and not reading.missed:
        yield gettext(
            "All right documents come first. Add harder questions: those that people asked and found no answer to."
        )


def _chart(done: Sequence[EvaluationRun]) -> str:
    """nDCG over the runs, a line for each way of searching, the oldest run first."""
    runs = list(reversed(done))
    ways = sorted({_way(run) for run in runs})
    sets = [
        {
            "label": way, "borderColor": colour, "backgroundColor": colour, "spanGaps": True, "tension": 0.2, "pointRadius": 3,
            "data": [run.metrics.get(f"ndcg@{run.k}") if _way(run) == way else None for run in runs],
        }
        for way, colour in zip(ways, PALETTE * len(ways), strict=False)
    ]  # fmt: skip
    return json.dumps({"labels": [date_shown(run.created_at, gettext("j M H:i")) for run in runs], "datasets": sets})


def _way(run: EvaluationRun) -> str:
    way = str(WAYS[Mode(run.mode)])
    return f"{way}, {gettext('reranked')}" if run.rerank else way


def _compared(done: Sequence[EvaluationRun]) -> str:
    """Where the last two runs stand beside each other."""
    if len(done) < 2:
        return ""
    return f"?{urlencode({'run': done[0].pk, 'against': done[1].pk})}"
