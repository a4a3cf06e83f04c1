"""How a knowledge base is indexed: its generations, the re-index under way, what another one would cost and look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from apps.documents.admin.forms import CONTEXT_CHOICES, STRATEGY_CHOICES
from apps.documents.admin.wording import chunking_in_words
from apps.documents.chunking.settings import ChunkContext, ChunkingSettings
from apps.documents.models import KnowledgeBase, PartsBy
from apps.documents.rights.access import knowledge_bases_readable_by, told_of_all
from apps.documents.rights.by_role import OPERATES
from apps.models.installed_model import ModelKind
from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import prompts_shown
from apps.monitoring.workspace.cutting import cut_documents, cut_part
from apps.monitoring.workspace.place import Place
from apps.retrieval.index.admin import parts_in_words
from apps.retrieval.index.generations import generation_live
from apps.retrieval.index.partitions import removal_waits
from apps.retrieval.models import GenerationState, IndexGeneration, Reindex, ReindexState, SwitchMode
from apps.retrieval.reindexing.admin import STATE_TONES
from apps.retrieval.reindexing.asking import MARGIN, reindex_request, request_plan
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.progress import ReindexProgress, duration_in_words, reindex_progress
from apps.retrieval.reindexing.services import (
    ReindexRequest,
    reindex_cancel,
    reindex_open,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
)
from ragsite.core.admin.base import acting, badge, errors_told
from ragsite.core.errors import NotFoundError, RagError
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.roles import looks_by_role

GENERATION_TONES: dict[str, str | None] = {
    GenerationState.LIVE: "success", GenerationState.STANDBY: "success", GenerationState.BUILDING: "info",
    GenerationState.FILLING: "info",
}  # fmt: skip
SELDOM = frozenset({"overlap", "context", "parts", "switch", "margin"})
"""Fields that are folded away."""

SWITCHABLE = frozenset({ReindexState.READY, ReindexState.REFUSED})
EARLIER = 5

MANY_VECTORS = 100_000
COUNTED_SECONDS = 60


def version_label(version: ModelVersion) -> str:
    """A version by all that tells two of the same weights apart."""
    prompts = f", {shown}" if (shown := prompts_shown(version)) else ""
    words = gettext("%(version)s, %(dimensions)s dimensions") % {"version": version, "dimensions": version.dimensions}
    return f"{words}{prompts}"


class ReindexForm(forms.Form):
    """A model and how documents are cut; filled in with what answers now."""

    model = forms.ModelChoiceField(
        ModelVersion.objects.none(), label=_("Embedding model"), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    strategy = forms.ChoiceField(label=_("Passages end"), choices=STRATEGY_CHOICES, widget=UnfoldAdminSelectWidget)
    size = forms.IntegerField(label=_("Most tokens of a passage"), widget=UnfoldAdminIntegerFieldWidget)
    overlap = forms.IntegerField(label=_("Most tokens repeated"), widget=UnfoldAdminIntegerFieldWidget)
    context = forms.ChoiceField(label=_("Found together with"), choices=CONTEXT_CHOICES, widget=UnfoldAdminSelectWidget)
    parts = forms.ChoiceField(
        label=_("Index in parts"),
        choices=PartsBy.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=KnowledgeBase._meta.get_field("parts").help_text,
    )
    switch = forms.ChoiceField(
        label=_("The new one answers"), choices=SwitchMode.choices, widget=UnfoldAdminSelectWidget
    )
    margin = forms.FloatField(
        label=_("How far nDCG@10 may fall"), min_value=0, max_value=1, widget=UnfoldAdminDecimalFieldWidget
    )

    def __init__(self, *args: Any, live: IndexGeneration, **kwargs: Any) -> None:
        now = {"model": live.model_version_id, "switch": SwitchMode.AUTO, "margin": MARGIN, "parts": live.parts}
        kwargs["initial"] = {"context": ChunkContext.NONE.value, **live.chunking, **now}
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["model"]
        choice.label_from_instance = version_label
        embedding = ModelVersion.objects.filter(model__kind=ModelKind.EMBEDDING).select_related("model")
        choice.queryset = embedding.filter(status=ModelStatus.ACTIVE) | embedding.filter(pk=live.model_version_id)

    def asked(self, knowledge_base: KnowledgeBase) -> ReindexRequest:
        """What was filled in. Raises PermanentError: there is no such index to be had."""
        fields = self.cleaned_data
        return reindex_request(
            knowledge_base,
            model=str(fields["model"].pk),
            chunking={name: fields[name] for name in ("strategy", "size", "overlap", "context")},
            switch=fields["switch"],
            margin=fields["margin"],
            parts=fields["parts"],
        )


READS_TEXT = "documents.view_chunk"


def may_reindex(user: Any, knowledge_base: KnowledgeBase) -> bool:
    """Who changes the knowledge base, and who looks after its work."""
    return any(
        user.has_perm(one, knowledge_base) for one in ("documents.change_knowledgebase", "retrieval.add_reindex")
    )


def index_tab(place: Place) -> HttpResponse:
    """Show the index, or do what a button says; `?part=live` is what changes while a re-index goes on,
    and `?part=cut` how a document would be cut.
    """
    request, knowledge_base = place.request, place.knowledge_base
    is_reader = knowledge_bases_readable_by(request.user).filter(pk=knowledge_base.pk).exists()
    if not (is_reader or place.may(OPERATES)):
        raise PermissionDenied
    live = generation_live(knowledge_base)
    if live is None:
        return place.page("ragsite/workspace/index_empty.html", {})
    if request.GET.get("part") == "cut":
        if not place.may(READS_TEXT):
            raise PermissionDenied
        return cut_part(place)
    if request.GET.get("part") == "live":
        return place.page("ragsite/workspace/index_live.html", _shown(place))
    told = request.POST if request.POST.get("do") in FILLED_IN else None
    form = ReindexForm(told, live=live)
    if request.method == "POST":
        if not may_reindex(request.user, knowledge_base):
            raise PermissionDenied
        if request.GET.get("part") == "cost":
            return _cost_part(place, form)
        if (not form.is_bound or form.is_valid()) and _done(request, knowledge_base, form):
            return redirect(request.path)
    shown = _shown(place) | {
        "form": form, "opens_more": bool(SELDOM & form.errors.keys()),
        "may_cut": place.may(READS_TEXT), "cut_documents": cut_documents(place) if place.may(READS_TEXT) else (),
        "strategies": STRATEGY_CHOICES, "live_chunking": live.chunking,
    }  # fmt: skip
    return place.page("ragsite/workspace/index.html", shown)


def _cost_part(place: Place, form: ReindexForm) -> HttpResponse:
    """What was filled in would cost this, or why it can't be had."""
    told: dict[str, Any] = {
        "refused": [f"{form[name].label}: {' '.join(map(str, why))}" for name, why in form.errors.items()]
    }
    if form.is_valid():
        try:
            told = {"cost": _plan(place.request, place.knowledge_base, form)}
        except RagError as error:
            told = {"refused": [said(error.sentence)]}
    return render(place.request, "ragsite/workspace/index_cost.html", told)


def _shown(place: Place) -> dict[str, Any]:
    request, knowledge_base = place.request, place.knowledge_base
    reindex, generations = reindex_open(knowledge_base), _generations(request, knowledge_base)
    return {
        "generations": generations,
        "can_roll_back": reindex is None and any(one["can_return"] for one in generations),
        "may_change": may_reindex(place.request.user, knowledge_base),
        "reindex": reindex,
        "progress": _progress(request, reindex) if reindex else None,
        "state": badge(reindex.get_state_display(), STATE_TONES.get(reindex.state, "info")) if reindex else "",
        "can_switch": bool(reindex and reindex.state in SWITCHABLE),
        "can_resume": bool(reindex and reindex.state == ReindexState.FAILED),
        "earlier": [(one, _progress(request, one).text) for one in _ended(knowledge_base)],
    }


def _done(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> bool:
    """Do what the button says, and tell; whether the page is to be shown anew. Where it was refused nothing typed is lost."""
    with errors_told(request):
        messages.success(request, _do(request, knowledge_base, form))
        return request.POST["do"] != "plan"
    return not form.is_bound


def _principal(request: HttpRequest, knowledge_base: KnowledgeBase) -> Principal | None:
    """Who changes it by a role is a caller as over REST; others administer its documents, and nothing is hidden from them."""
    if not looks_by_role(request.user, KnowledgeBase):
        return None
    user: Any = request.user
    return principal_of_user(user, tenant_id=knowledge_base.tenant_id)


def _progress(request: HttpRequest, reindex: Reindex) -> ReindexProgress:
    """Without numbers, and without an error's words, for who may not be told of all documents."""
    progress = reindex_progress(reindex)
    if told_of_all(_principal(request, reindex.knowledge_base), reindex.knowledge_base):
        return progress
    return replace(progress, text=f"{reindex.get_state_display()}.")


Door = Callable[[HttpRequest, KnowledgeBase, ReindexForm], str]


def _do(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    """Do what the button says; the message about it."""
    door = DOORS.get(request.POST.get("do", ""))
    if door is None:
        raise NotFoundError(f"There is no button {request.POST.get('do', '')[:40]!r} on this page.")
    return door(request, knowledge_base, form)


def _plan(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    plan = request_plan(knowledge_base, form.asked(knowledge_base), principal=_principal(request, knowledge_base))
    about = gettext("about %(count)s") if plan.is_estimate else "%(count)s"
    unknown = gettext("no model answered, so nobody knows how long")
    return gettext(
        "%(documents)s documents, %(chunks)s passages: %(vectors)s vectors to make and %(reused)s there already; about %(took)s, "
        "and %(megabytes)s MB."
    ) % {
        "documents": number_shown(plan.documents), "chunks": about % {"count": number_shown(plan.chunks)},
        "vectors": number_shown(plan.vectors),
        "reused": number_shown(plan.reused), "took": unknown if plan.seconds is None else duration_in_words(plan.seconds),
        "megabytes": number_shown(plan.megabytes, 1),
    }  # fmt: skip


def _start(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    principal = _principal(request, knowledge_base)
    reindex_start(knowledge_base, form.asked(knowledge_base), actor=acting(request), principal=principal)
    return gettext("The new generation is being built. Searches work as before.")


def _switch(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return _progress(request, reindex_switch(knowledge_base, actor=acting(request))).text


def _roll_back(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return _progress(request, reindex_rollback(knowledge_base, actor=acting(request))).text


def _resume(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return _progress(request, reindex_resume(knowledge_base, actor=acting(request))).text


def _cancel(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    return _progress(request, reindex_cancel(knowledge_base, actor=acting(request))).text


def _drop(request: HttpRequest, knowledge_base: KnowledgeBase, form: ReindexForm) -> str:
    wanted = request.POST.get("generation", "")
    rows = IndexGeneration.objects.filter(knowledge_base=knowledge_base)
    generation = rows.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
    if generation is None:
        raise NotFoundError(f"There is no generation {wanted[:40]!r} of this knowledge base.")
    generation_drop(generation, actor=acting(request))
    return gettext("Generation %(number)s is dropped.") % {"number": wanted}


FILLED_IN = ("plan", "start")
"""Buttons that send the form."""

DOORS: dict[str, Door] = {
    "plan": _plan, "start": _start, "switch": _switch, "rollback": _roll_back, "resume": _resume, "cancel": _cancel,
    "drop": _drop,
}  # fmt: skip


def _generations(request: HttpRequest, knowledge_base: KnowledgeBase) -> list[dict[str, Any]]:
    rows = IndexGeneration.objects.filter(knowledge_base=knowledge_base)
    of_all = told_of_all(_principal(request, knowledge_base), knowledge_base)
    return [
        {
            "pk": one.pk,
            "state": one.state,
            "badge": badge(one.get_state_display(), GENERATION_TONES.get(one.state)),
            "waits": removal_waits(one),
            "model": one.model_version,
            "dimensions": one.dimensions,
            "chunking": chunking_in_words(ChunkingSettings.from_dict(one.chunking)),
            "vectors": _vectors(one) if of_all else "",
            "searched": _searched(one, of_all=of_all),
            "can_drop": one.state == GenerationState.RETIRED,
            "can_return": one.can_return,
        }
        for one in rows.select_related("model_version__model")
    ]


def _searched(generation: IndexGeneration, *, of_all: bool) -> str:
    """How many parts there are is for who may be told of all documents."""
    if generation.collection:
        return gettext("searched in %(store)s") % {"store": generation.get_store_display()}
    if generation.is_divided:
        return parts_in_words(generation) if of_all else generation.get_parts_display()
    if generation.has_hnsw and generation.quantised:
        return gettext("searched by HNSW index of single bits")
    return gettext("searched by HNSW index") if generation.has_hnsw else gettext("searched exactly")


def _vectors(generation: IndexGeneration) -> int:
    """How many there are; of many this process counts them once a minute."""
    key = f"vectors-of-generation:{generation.pk}"
    number: int | None = cache.get(key)
    if number is None:
        number = generation.embeddings.count()
        if number > MANY_VECTORS:
            cache.set(key, number, COUNTED_SECONDS)
    return number


def _ended(knowledge_base: KnowledgeBase) -> list[Reindex]:
    rows = Reindex.objects.filter(knowledge_base=knowledge_base, ended_at__isnull=False)
    return list(rows.select_related("knowledge_base")[:EARLIER])
