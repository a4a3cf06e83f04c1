"""What a knowledge base is set to, in plain words, each with what a change costs; and its end."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.documents.admin.forms import (
    CONTEXT_CHOICES,
    FUSION_CHOICES,
    MODE_CHOICES,
    SEARCHED_BY,
    STRATEGY_CHOICES,
    KnowledgeBaseForm,
)
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase, PartsBy, Visibility
from apps.documents.retrieval_settings import RetrievalSettings
from apps.documents.services.knowledge_bases import knowledge_base_delete_by, knowledge_base_update
from apps.monitoring.workspace.masking import MaskingForm, masking_context, masking_save
from apps.monitoring.workspace.place import Place
from ragsite.core.admin.base import acting
from ragsite.core.errors import ConflictError, RagError
from ragsite.core.sentences import said

TEMPLATE = "ragsite/workspace/settings.html"
TECHNICAL = {
    "name": "name", "description": "description", "search_mode": "retrieval.mode", "search_fusion": "retrieval.fusion",
    "search_weight": "retrieval.weight", "search_names": "retrieval.names", "search_same_page": "retrieval.same_page",
}  # fmt: skip
"""What the API calls each field."""


class SettingsForm(KnowledgeBaseForm):
    """Name, description, and how it is searched if a question does not say."""

    search_mode = forms.ChoiceField(
        label=gettext_lazy("Passages are found by"),
        choices=MODE_CHOICES,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Words find names and numbers; meaning finds what is said in other words."),
    )
    search_fusion = forms.ChoiceField(
        label=gettext_lazy("How the two are put in one order"),
        choices=FUSION_CHOICES,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("By how well a passage fits, or by its place in each list."),
    )
    search_weight = forms.FloatField(
        label=gettext_lazy("How much meaning counts"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=format_lazy(
            gettext_lazy("From 0 (only words) to 1 (only meaning). Empty for {weight}."),
            weight=f"{RetrievalSettings().weight:g}",
        ),
    )

    class Meta:
        model = KnowledgeBase
        fields: ClassVar = ("name", "description")
        widgets: ClassVar = {
            "name": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        help_texts: ClassVar = {"description": gettext_lazy("What is in it, for the people who choose where to ask.")}


def settings_tab(place: Place) -> HttpResponse:
    """Show the settings, save them, or delete the knowledge base."""
    if place.request.method != "POST":
        return _page(place, _form(place))
    door = DOORS.get(place.request.POST.get("do", ""))
    return door(place) if door else redirect(place.url("settings"))


def _form(place: Place, data: Any = None) -> SettingsForm:
    """On a copy: a form writes into its row what was typed, and the frame shows the row as it is."""
    return SettingsForm(data, instance=copy.copy(place.knowledge_base))


def _page(
    place: Place,
    form: SettingsForm,
    *,
    typed: str = "",
    refused: str = "",
    masking: MaskingForm | None = None,
) -> HttpResponse:
    base = place.knowledge_base
    chunking = ChunkingSettings.from_dict(base.chunking)
    context = {
        "form": form,
        "named": [(form[name], TECHNICAL[name]) for name in ("name", "description")],
        "searched": [(form[name], TECHNICAL[name]) for name in SEARCHED_BY],
        "cut": [
            (_("Documents are cut"), "chunking.strategy", dict(STRATEGY_CHOICES)[chunking.strategy.value]),
            (_("Longest passage"), "chunking.size", _("%d tokens") % chunking.size),
            (
                _("Repeated at the start of the next passage"),
                "chunking.overlap",
                _("up to %d tokens") % chunking.overlap,
            ),
            (_("Found together with"), "chunking.context", dict(CONTEXT_CHOICES)[chunking.context.value]),
            (_("Index in parts"), "parts", PartsBy(base.parts).label),
        ],
        "readers": Visibility(base.visibility).label,
        "access_url": place.url("access") if place.may("documents.view_grant") else "",
        "index_url": place.url("index") if place.may("retrieval.view_indexgeneration") else "",
        "may_delete": place.may("documents.delete_knowledgebase"),
        "typed": typed,
        "refused": refused,
        **masking_context(place, masking),
    }
    return place.page(TEMPLATE, context)


def _save(place: Place) -> HttpResponse:
    """By the service; what it refuses is said beside the field, above what was typed."""
    form = _form(place, place.request.POST)
    if not form.is_valid():
        return _page(place, form)
    values = {"name": form.cleaned_data["name"], "description": form.cleaned_data["description"]}
    try:
        knowledge_base_update(
            knowledge_base=place.knowledge_base, retrieval=form.retrieval(), actor=acting(place.request), **values
        )  # fmt: skip
    except ConflictError as error:
        form.add_error("name", said(error.sentence))
        return _page(place, form)
    except RagError as error:
        form.add_error(None, said(error.sentence))
        return _page(place, form)
    messages.success(place.request, _("Saved. Searches use it from now on."))
    return redirect(place.url("settings"))


def _delete(place: Place) -> HttpResponse:
    """Once its name was typed: nothing brings it back."""
    if not place.may("documents.delete_knowledgebase"):
        raise PermissionDenied
    typed = place.request.POST.get("typed", "")
    if typed.strip() != place.knowledge_base.name.strip():
        told = _("That is not its name. Type “%s” to delete it.") % place.knowledge_base.name
        return _page(place, _form(place), typed=typed, refused=told)
    try:
        knowledge_base_delete_by(place.request.user, place.knowledge_base, actor=acting(place.request))
    except RagError as error:
        return _page(place, _form(place), typed=typed, refused=said(error.sentence))
    messages.success(place.request, _("%s is deleted. Its documents are being removed.") % place.knowledge_base.name)
    return redirect("admin:documents_knowledgebase_changelist")


def _mask(place: Place) -> HttpResponse:
    saved = masking_save(place)
    return _page(place, _form(place), masking=saved) if isinstance(saved, MaskingForm) else saved


DOORS: dict[str, Callable[[Place], HttpResponse]] = {"save": _save, "mask": _mask, "delete": _delete}
