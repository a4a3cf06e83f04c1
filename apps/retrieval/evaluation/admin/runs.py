"""Evaluation runs: their figures, and their questions with the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.documents.admin.readable import ReadableFilter, ReadableRowsMixin
from apps.documents.document_names import document_name
from apps.documents.models import LIVING, Document
from apps.retrieval.evaluation.experiments.showing import experiment_in_words
from apps.retrieval.evaluation.selectors import figures_in_order, results_worst_first
from apps.retrieval.models import RUN_ENDED, EvaluationResult, EvaluationRun, ExperimentEntry, RunState
from ragsite.core.admin.base import LargeTableAdmin, badge, row_url
from ragsite.core.numbers import number_shown

TONES: dict[str, str | None] = {
    RunState.WAITING: None,
    RunState.RUNNING: "info",
    RunState.DONE: "success",
    RunState.FAILED: "danger",
}
QUESTIONS = 50
PLACES = 5
OTHERS = 50
LABELS = {
    "ndcg": "nDCG",
    "recall": "Recall",
    "map": "MAP",
    "mrr": "MRR",
    "p50_ms": gettext_noop("Median"),
    "p95_ms": gettext_noop("95th percentile"),
    "queries": gettext_noop("Queries"),
}
MEANING = {
    "ndcg": gettext_noop("Order of the first {cut}, graded"),
    "recall": gettext_noop("Relevant ones among the first {cut}"),
    "mrr": gettext_noop("1 / rank of the first relevant one"),
    "map": gettext_noop("Precision at each relevant one"),
    "p50_ms": gettext_noop("Half of the searches were faster"),
    "p95_ms": gettext_noop("95 of 100 searches were faster"),
    "queries": gettext_noop("Questions that were measured"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with what it says."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ShownResult:
    """A question's figures in the order of the columns, and the first places of its ranking."""

    text: str
    figures: tuple[float, ...]
    milliseconds: float
    places: list[dict[str, Any]]
    hidden: int


@admin.register(EvaluationRun)
class EvaluationRunAdmin(ReadableRowsMixin, LargeTableAdmin):
    tenant_path = "evaluation_set__knowledge_base__tenant"
    list_display: ClassVar = ("__str__", "knowledge_base", "shown_state", "ndcg", "recall", "questions", "created_at")
    list_filter: ClassVar = ("state", "mode", ("evaluation_set", ReadableFilter))
    list_select_related: ClassVar = ("evaluation_set__knowledge_base",)
    search_fields: ClassVar = ("evaluation_set__name",)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A page of its own instead of a form: nobody changes a run. `?part=live` asks again while it goes on, and has the whole
        page loaded anew once it has ended.
        """
        if self.has_view_permission(request):
            self.row_or_404(request, object_id)
        run = self._run(request, object_id)
        columns = figures_in_order(run.metrics, only_quality=True)
        page = Paginator(results_worst_first(run), QUESTIONS).get_page(request.GET.get("page"))
        context = self._context(request, run, title=str(run)) | {
            "figures": [_figure(run, name) for name in figures_in_order(run.metrics)],
            "columns": [label(name) for name in columns],
            "page": page,
            "results": _shown(page, columns),
            "total": run.evaluation_set.questions.count(),
            "others": [(other.pk, _named(other)) for other in _others(run)],
            "compare_url": reverse("workspace-tab", args=[run.evaluation_set.knowledge_base_id, "evaluate"]),
            "experiment": experiment_in_words(ExperimentEntry.objects.filter(run=run).first()),
            "under_way": run.state not in RUN_ENDED,
            "badge": badge(run.get_state_display(), TONES[run.state]),
        }
        response = TemplateResponse(request, "ragsite/admin/evaluation_run.html", context)
        if request.GET.get("part") == "live" and run.state in RUN_ENDED:
            response["HX-Refresh"] = "true"
        return response

    def _run(self, request: HttpRequest, object_id: str) -> EvaluationRun:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run: EvaluationRun = self.row_or_404(request, object_id)
        return run

    def _context(self, request: HttpRequest, run: EvaluationRun, *, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": EvaluationRun._meta,
            "original": run,
            "run": run,
            "set_url": row_url(run.evaluation_set),
            "list_url": reverse("admin:retrieval_evaluationrun_changelist"),
        }

    @display(description=_("Knowledge base"))
    def knowledge_base(self, run: EvaluationRun) -> str:
        return str(run.evaluation_set.knowledge_base)

    @display(description=_("State"), ordering="state")
    def shown_state(self, run: EvaluationRun) -> SafeString:
        return badge(run.get_state_display(), TONES[run.state])

    @display(description="nDCG")
    def ndcg(self, run: EvaluationRun) -> str:
        return _shown_value(run, f"ndcg@{run.k}")

    @display(description=_("Recall"))
    def recall(self, run: EvaluationRun) -> str:
        return _shown_value(run, f"recall@{run.depth}")

    @display(description=_("Questions"))
    def questions(self, run: EvaluationRun) -> str:
        return number_shown(run.metrics["queries"]) if run.metrics else ""


def label(name: str) -> str:
    """A figure's name as people write it."""
    kind, at, cut = name.partition("@")
    return f"{gettext(LABELS[kind]) if kind in LABELS else kind.capitalize()}{at}{cut}"


def _shown_value(run: EvaluationRun, name: str) -> str:
    return number_shown(run.metrics[name], 3) if name in run.metrics else ""


def _figure(run: EvaluationRun, name: str) -> Figure:
    kind, _, cut = name.partition("@")
    value = run.metrics[name]
    text = (
        number_shown(value)
        if kind == "queries"
        else f"{number_shown(value, 1)} ms"
        if kind.endswith("_ms")
        else number_shown(value, 3)
    )
    meaning = gettext(MEANING[kind]).format(cut=cut) if kind in MEANING else ""
    return Figure(label(name), text, meaning)


def _shown(page: Page[EvaluationResult], columns: list[str]) -> list[ShownResult]:
    known = _known(page)
    return [
        ShownResult(
            text=result.text,
            figures=tuple(result.metrics[name] for name in columns),
            milliseconds=result.milliseconds,
            places=[_place(place, known.get(place["document"])) for place in result.ranking[:PLACES]],
            hidden=max(0, len(result.ranking) - PLACES),
        )
        for result in page
    ]


def _place(place: dict[str, Any], document: Document | None) -> dict[str, Any]:
    """A place with the document's address and name; one that is gone has the name of its title then."""
    if document is None:
        return place | {"name": document_name(place["title"]), "url": None}
    return place | {"name": document.name, "url": row_url(document)}


def _known(page: Page[EvaluationResult]) -> dict[str, Document]:
    """The shown documents that are still there."""
    shown = {place["document"] for result in page for place in result.ranking[:PLACES]}
    return {str(document.pk): document for document in Document.objects.filter(LIVING, pk__in=shown)}


def _named(run: EvaluationRun) -> str:
    """The run with its first figure: several may have been started in one minute."""
    return f"{run}: {label(f'ndcg@{run.k}')} {_shown_value(run, f'ndcg@{run.k}')}"


def _others(run: EvaluationRun) -> QuerySet[EvaluationRun]:
    if run.state != RunState.DONE:
        return EvaluationRun.objects.none()
    same = run.evaluation_set.runs.filter(state=RunState.DONE).exclude(pk=run.pk)
    return same.select_related("evaluation_set")[:OTHERS]
