"""The page of a knowledge base's index: its generations, the re-index under way, and what can be done about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from apps.documents.admin.forms import STRATEGY_CHOICES
from apps.documents.admin.readable import ReadableRowsMixin
from apps.documents.admin.wording import chunking_in_words
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by
from apps.models.installed_model import ModelKind
from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import prompts_shown
from apps.retrieval.index.generations import generation_live
from apps.retrieval.index.partitions import removal_waits
from apps.retrieval.models import GenerationState, IndexGeneration, Reindex, ReindexState, SwitchMode
from apps.retrieval.reindexing.asking import MARGIN, reindex_request, request_plan
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.progress import duration_in_words, reindex_progress
from apps.retrieval.reindexing.services import (
    reindex_cancel,
    reindex_open,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
)
from ragsite.core.admin.base import ReadOnlyAdmin, acting, badge, errors_told, row_url
from ragsite.core.errors import NotFoundError

STATE_TONES: dict[str, str | None] = {
    ReindexState.SWITCHED: "success",
    ReindexState.READY: "warning",
    ReindexState.REFUSED: "warning",
    ReindexState.FAILED: "danger",
    ReindexState.CANCELLED: None,
}
GENERATION_TONES: dict[str, str | None] = {
    GenerationState.LIVE: "success", GenerationState.STANDBY: "success", GenerationState.BUILDING: "info",
    GenerationState.FILLING: "info",
}  # fmt: skip
SWITCHABLE = frozenset({ReindexState.READY, ReindexState.REFUSED})
EARLIER = 5


def version_label(version: ModelVersion) -> str:
    """A version by all that tells two of the same weights apart."""
    prompts = f", {shown}" if (shown := prompts_shown(version)) else ""
    return f"{version}, {version.dimensions} dimensions{prompts}"


class ReindexForm(forms.Form):
    """A model and how documents are cut; filled in with what answers now."""

    model = forms.ModelChoiceField(
        ModelVersion.objects.none(), label="Embedding model", empty_label=None, widget=UnfoldAdminSelectWidget
    )
    strategy = forms.ChoiceField(label="Chunks end", choices=STRATEGY_CHOICES, widget=UnfoldAdminSelectWidget)
    size = forms.IntegerField(label="Most tokens of a chunk", widget=UnfoldAdminIntegerFieldWidget)
    overlap = forms.IntegerField(label="Most tokens repeated", widget=UnfoldAdminIntegerFieldWidget)
    switch = forms.ChoiceField(label="The new one answers", choices=SwitchMode.choices, widget=UnfoldAdminSelectWidget)
    margin = forms.FloatField(
        label="How far nDCG@10 may fall", min_value=0, max_value=1, widget=UnfoldAdminDecimalFieldWidget
    )

    def __init__(self, *args: Any, live: IndexGeneration, **kwargs: Any) -> None:
        now = {"model": live.model_version_id, "switch": SwitchMode.AUTO, "margin": MARGIN}
        kwargs["initial"] = {**live.chunking, **now}
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["model"]
        choice.label_from_instance = version_label
        embedding = ModelVersion.objects.filter(model__kind=ModelKind.EMBEDDING).select_related("model")
        choice.queryset = embedding.filter(status=ModelStatus.ACTIVE) | embedding.filter(pk=live.model_version_id)

    def asked(self) -> dict[str, Any]:
        """What was filled in, as `reindex_request` takes it."""
        fields = self.cleaned_data
        return {
            "model": str(fields["model"].pk),
            "chunking": {name: fields[name] for name in ("strategy", "size", "overlap")},
            "switch": fields["switch"],
            "margin": fields["margin"],
        }


@admin.register(Reindex)
class ReindexAdmin(ReadableRowsMixin, ReadOnlyAdmin):
    list_display: ClassVar = ("__str__", "shown_state", "in_words", "asked_by", "created_at")
    list_filter: ClassVar = ("state",)
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("knowledge_base__name",)
    fields: ClassVar = (
        "knowledge_base", "shown_state", "in_words", "generation", "previous", "is_rollback", "switch", "margin", "embedded",
        "reused", "comparison", "asked_by", "switched_by", "created_at", "ended_at",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.index_page)
        return [path("of/<uuid:knowledge_base_id>/", page, name="retrieval_reindex_of"), *super().get_urls()]

    def index_page(self, request: HttpRequest, knowledge_base_id: Any) -> HttpResponse:
        """Show the index of a knowledge base, or do what a button of the page says."""
        knowledge_base = knowledge_bases_readable_by(request.user).filter(pk=knowledge_base_id).first()
        if not request.user.has_perm("documents.view_knowledgebase") or knowledge_base is None:
            raise PermissionDenied
        live = generation_live(knowledge_base)
        if live is None:
            messages.info(request, "There is no index yet. Upload documents first.")
            return redirect(row_url(knowledge_base))
        form = ReindexForm(request.POST if request.POST.get("do") in ("plan", "start") else None, live=live)
        if request.method == "POST":
            if not request.user.has_perm("documents.change_knowledgebase"):
                raise PermissionDenied
            if not form.is_bound or form.is_valid():
                with errors_told(request):
                    messages.success(request, _do(request, knowledge_base, form))
                if request.POST["do"] != "plan":
                    return redirect(request.path)
        return TemplateResponse(request, "ragsite/admin/reindexing.html", self._context(request, knowledge_base, form))

    def _context(self, request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> dict[str, Any]:
        reindex, generations = reindex_open(knowledge_base), _generations(knowledge_base)
        return {
            **self.admin_site.each_context(request),
            "title": f"Index of {knowledge_base}",
            "opts": KnowledgeBase._meta,
            "original": knowledge_base,
            "back": row_url(knowledge_base),
            "form": form,
            "generations": generations,
            "can_roll_back": reindex is None and any(one["can_return"] for one in generations),
            "may_change": request.user.has_perm("documents.change_knowledgebase"),
            "reindex": reindex,
            "progress": reindex_progress(reindex) if reindex else None,
            "state": badge(reindex.get_state_display(), STATE_TONES.get(reindex.state, "info")) if reindex else "",
            "can_switch": bool(reindex and reindex.state in SWITCHABLE),
            "can_resume": bool(reindex and reindex.state == ReindexState.FAILED),
            "earlier": [(one, reindex_progress(one).text) for one in _ended(knowledge_base)],
            "run_url": reverse("admin:retrieval_evaluationrun_changelist"),
        }

    @display(description="State", ordering="state")
    def shown_state(self, reindex: Reindex) -> SafeString:
        return badge(reindex.state, STATE_TONES.get(reindex.state, "info"))

    @display(description="Progress")
    def in_words(self, reindex: Reindex) -> str:
        return reindex_progress(reindex).text


Door = Callable[[HttpRequest, KnowledgeBase, ReindexForm], str]


def _do(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    """Do what the button says; the message about it."""
    door = DOORS.get(request.POST.get("do", ""))
    if door is None:
        raise NotFoundError(f"There is no button {request.POST.get('do', '')[:40]!r} on this page.")
    return door(request, knowledge_base, form)


def _plan(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    plan = request_plan(knowledge_base, reindex_request(knowledge_base, **form.asked()))
    about = "about " if plan.is_estimate else ""
    took = "no model answered, so nobody knows how long" if plan.seconds is None else duration_in_words(plan.seconds)
    return (
        f"{plan.documents:,} documents, {about}{plan.chunks:,} chunks: {plan.vectors:,} vectors to make and {plan.reused:,} "
        f"there already; about {took}, and {plan.megabytes:,.1f} MB."
    )


def _start(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    reindex_start(knowledge_base, reindex_request(knowledge_base, **form.asked()), actor=acting(request))
    return "The new generation is being built. Searches work as before."


def _switch(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return reindex_progress(reindex_switch(knowledge_base, actor=acting(request))).text


def _roll_back(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return reindex_progress(reindex_rollback(knowledge_base, actor=acting(request))).text


def _resume(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return reindex_progress(reindex_resume(knowledge_base, actor=acting(request))).text


def _cancel(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return reindex_progress(reindex_cancel(knowledge_base, actor=acting(request))).text


def _drop(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    wanted = request.POST.get("generation", "")
    rows = IndexGeneration.objects.filter(knowledge_base=knowledge_base)
    generation = rows.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
    if generation is None:
        raise NotFoundError(f"There is no generation {wanted[:40]!r} of this knowledge base.")
    generation_drop(generation, actor=acting(request))
    return f"Generation {wanted} is dropped."


DOORS: dict[str, Door] = {
    "plan": _plan, "start": _start, "switch": _switch, "rollback": _roll_back, "resume": _resume, "cancel": _cancel,
    "drop": _drop,
}  # fmt: skip


def _generations(knowledge_base: KnowledgeBase) -> list[dict[str, Any]]:
    rows = IndexGeneration.objects.filter(knowledge_base=knowledge_base)
    return [
        {
            "pk": one.pk,
            "state": one.state,
            "badge": badge(one.get_state_display(), GENERATION_TONES.get(one.state)),
            "waits": removal_waits(one),
            "model": one.model_version,
            "dimensions": one.dimensions,
            "chunking": chunking_in_words(ChunkingSettings.from_dict(one.chunking)),
            "vectors": one.embeddings.count(),
            "searched": "by HNSW index" if one.has_hnsw else "exactly",
            "can_drop": one.state == GenerationState.RETIRED,
            "can_return": one.can_return,
        }
        for one in rows.select_related("model_version__model")
    ]


def _ended(knowledge_base: KnowledgeBase) -> list[Reindex]:
    rows = Reindex.objects.filter(knowledge_base=knowledge_base, ended_at__isnull=False)
    return list(rows.select_related("knowledge_base")[:EARLIER])
