"""Evaluation sets with their questions; a run is started and questions are imported from a set's page."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Model, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from unfold.admin import TabularInline
from unfold.dataclasses import ActionDialog
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from apps.documents.admin.readable import ReadableFilter, ReadableRowsMixin
from apps.models.selectors import reranker_default
from apps.retrieval.evaluation.admin.importing import evaluation_import_page
from apps.retrieval.evaluation.runs import LARGEST_DEPTH, LARGEST_K, evaluation_run_start
from apps.retrieval.evaluation.sets import (
    evaluation_set_create,
    evaluation_set_delete,
    evaluation_set_update,
    question_delete,
)
from apps.retrieval.models import WRONG, EvaluationQuestion, EvaluationRun, EvaluationSet, Judgement, RunState
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.actors import Actor
from ragsite.core.admin.base import (
    RagAdmin,
    ReadOnlyInline,
    ServiceDeleteMixin,
    acting,
    badge,
    dialog_done,
    errors_told,
    link,
    row_link,
    row_url,
)
from ragsite.core.numbers import number_shown

SHORT = 160


class RunForm(BaseDialogForm):
    """How a set is put to the search."""

    mode = forms.ChoiceField(
        label=_("Mode"),
        choices=[(mode.value, mode.value) for mode in Mode],
        initial=Mode.HYBRID.value,
        widget=UnfoldAdminSelectWidget,
    )
    k = forms.IntegerField(
        label=_("Cut at"), min_value=1, max_value=LARGEST_K, initial=10, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("nDCG and the first recall look at this many documents."),
    )  # fmt: skip
    depth = forms.IntegerField(
        label=_("Depth"), min_value=1, max_value=LARGEST_DEPTH, initial=100, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("This many documents are ranked for a question."),
    )  # fmt: skip
    rerank = forms.BooleanField(label=_("Rerank"), required=False, help_text=_("Needs a reranker among the models."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["rerank"].disabled = reranker_default() is None

    def searching(self) -> Searching:
        """What was filled in, for the service to check."""
        fields = self.cleaned_data
        return Searching(mode=Mode(fields["mode"]), rerank=fields["rerank"], depth=fields["depth"])


class TextsForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Texts in fields of a few lines."""

    class Meta:
        widgets: ClassVar = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("description", "text", "reference_answer")
        }


class QuestionInline(ReadOnlyInline):
    model = EvaluationQuestion
    verbose_name_plural = _("questions")
    hide_title = True
    per_page = 20
    fields: ClassVar = ("shown_text", "relevant", "wrong", "reference_answer", "external_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationQuestion]:
        questions: QuerySet[EvaluationQuestion] = super().get_queryset(request)
        counted = {
            "relevant_total": Count("judgements", filter=Q(judgements__grade__gt=WRONG)),
            "wrong_total": Count("judgements", filter=Q(judgements__grade=WRONG)),
        }
        return questions.annotate(**counted).order_by("id")

    @display(description=_("Question"))
    def shown_text(self, question: EvaluationQuestion) -> SafeString:
        return link(row_url(question), _short(question.text))

    @display(description=_("Relevant"))
    def relevant(self, question: Any) -> int:
        total: int = question.relevant_total
        return total

    @display(description=_("Wrong"))
    def wrong(self, question: Any) -> int:
        total: int = question.wrong_total
        return total


class JudgementInline(TabularInline):
    """What is relevant, and what is not: a judgement can be taken away, and its grade changed, with 0 to wrong."""

    model = Judgement
    extra = 0
    hide_title = True
    per_page = 20
    fields: ClassVar = ("source", "span", "answers", "grade")
    readonly_fields: ClassVar = ("source", "span", "answers")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Judgement]:
        judgements: QuerySet[Judgement] = super().get_queryset(request)
        return judgements.select_related("document", "version")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(description=_("Judged"))
    def answers(self, judgement: Judgement) -> SafeString:
        return badge(gettext("Relevant"), "success") if judgement.grade else badge(gettext("Wrong"), "danger")

    @display(description=_("Document"))
    def source(self, judgement: Judgement) -> SafeString:
        return link(row_url(judgement.version or judgement.document), judgement.document.name)

    @display(description=_("Span"))
    def span(self, judgement: Judgement) -> str:
        if judgement.start is None or judgement.end is None or judgement.version is None:
            return gettext("The whole document")
        return gettext("%(start)s to %(end)s of version %(number)s") % {
            "start": number_shown(judgement.start),
            "end": number_shown(judgement.end),
            "number": judgement.version.number,
        }


@admin.register(EvaluationSet)
class EvaluationSetAdmin(ServiceDeleteMixin, ReadableRowsMixin, RagAdmin):
    list_display: ClassVar = ("name", "knowledge_base", "questions", "latest", "created_at")
    list_filter: ClassVar = (("knowledge_base", ReadableFilter),)
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("name", "knowledge_base__name")
    form = TextsForm
    fields: ClassVar = ("knowledge_base", "name", "description", "latest", "all_runs")
    actions_detail: ClassVar = ("import_questions", "start")
    inlines: ClassVar = (QuestionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationSet]:
        sets: QuerySet[EvaluationSet] = super().get_queryset(request)
        newest = EvaluationRun.objects.filter(state=RunState.DONE).order_by("-id")[:1]
        return sets.annotate(question_total=Count("questions")).prefetch_related(
            Prefetch("runs", queryset=newest, to_attr="newest_done")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("knowledge_base", "latest", "all_runs") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.fields if obj else self.fields[:3]

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> tuple[type, ...]:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        texts = {"name": obj.name, "description": obj.description}
        actor = acting(request)
        if change:
            evaluation_set_update(evaluation_set=obj, actor=actor, **texts)
        else:
            obj.pk = evaluation_set_create(knowledge_base=obj.knowledge_base, actor=actor, **texts).pk

    def service_delete(self, row: EvaluationSet, *, actor: Actor) -> None:
        evaluation_set_delete(evaluation_set=row, actor=actor)

    def named_for_deletion(self, row: Any) -> str:
        return gettext("%(row)s, with its %(question_total)s questions and all its runs") % {
            "row": row,
            "question_total": number_shown(row.question_total),
        }

    def has_start_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "retrieval.add_evaluationrun", object_id)

    def has_import_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "retrieval.add_evaluationquestion", object_id)

    @action(
        description=_("Start a run"),
        icon="play_arrow",
        permissions=["start"],
        variant=ActionVariant.PRIMARY,
        dialog=ActionDialog(
            title=_("Start a run"),
            description=_("Every question is searched for, and what is found is measured."),
            form_class=RunForm,
            form_submit_text=_("Start"),
        ),
    )
    def start(self, request: HttpRequest, form: RunForm, object_id: str) -> HttpResponse:
        evaluation_set = self.row_or_404(request, object_id)
        with errors_told(request):
            run = evaluation_run_start(
                evaluation_set=evaluation_set, how=form.searching(), k=form.cleaned_data["k"], actor=acting(request)
            )
            return dialog_done(row_url(run))
        return dialog_done(row_url(evaluation_set))

    @method_decorator(csrf_exempt)
    @action(description=_("Import questions"), icon="upload_file", permissions=["import"])
    def import_questions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        evaluation_set = self.row_or_404(request, object_id)
        return evaluation_import_page(request, evaluation_set=evaluation_set, site=self.admin_site)

    @display(description=_("Questions"), ordering="question_total")
    def questions(self, row: Any) -> str:
        return number_shown(row.question_total)

    @display(description=_("Latest nDCG"))
    def latest(self, row: EvaluationSet) -> SafeString | str:
        run = next(iter(row.newest_done), None)  # type: ignore[attr-defined]  # get_queryset fetches it
        if run is None:
            return gettext("Not measured yet")
        return link(
            row_url(run),
            gettext("%(ndcg)s at %(k)s") % {"ndcg": floatformat(run.metrics[f"ndcg@{run.k}"], 3), "k": run.k},
        )

    @display(description=_("Runs"))
    def all_runs(self, row: EvaluationSet) -> SafeString:
        url = f"{reverse('admin:retrieval_evaluationrun_changelist')}?evaluation_set__id__exact={row.pk}"
        return link(url, number_shown(row.runs.count()))


@admin.register(EvaluationQuestion)
class EvaluationQuestionAdmin(ServiceDeleteMixin, ReadableRowsMixin, RagAdmin):
    """A question on a page of its own: its words, its reference answer, and what is relevant to it."""

    tenant_path = "evaluation_set__knowledge_base__tenant"
    list_display: ClassVar = ("__str__", "evaluation_set", "external_id", "created_at")
    list_filter: ClassVar = (("evaluation_set", ReadableFilter),)
    list_select_related: ClassVar = ("evaluation_set",)
    search_fields: ClassVar = ("text", "external_id")
    form = TextsForm
    fields: ClassVar = ("set_link", "text", "reference_answer", "external_id", "created_at")
    readonly_fields: ClassVar = ("set_link", "external_id", "created_at")
    inlines: ClassVar = (JudgementInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A question is added with what answers it: by marking a passage, by import, or over the API."""
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def service_delete(self, row: EvaluationQuestion, *, actor: Actor) -> None:
        question_delete(question=row, actor=actor)

    @display(description=_("Evaluation set"))
    def set_link(self, question: EvaluationQuestion) -> SafeString:
        return row_link(question.evaluation_set)


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
