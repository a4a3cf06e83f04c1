"""The page that adds a model of the folder of models: which lie there, and one to choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.models.doors.work_admin import tasks_url
from apps.models.installed_model import ModelKind
from apps.models.models import Model
from apps.models.services.folders import MOST_OFFERED, FoundFolder, folders_found, model_add_folder, models_root
from ragsite.core.admin.base import acting, errors_told
from ragsite.gateway.members import is_superuser


class FolderForm(forms.Form):
    """Which of the models that were found, as what, and under which name."""

    place = forms.ChoiceField(
        label=_("Folder"), widget=UnfoldAdminSelectWidget,
        error_messages={"invalid_choice": _("It is not among the models that were found. Choose one of the list.")},
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("What it does"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", _("As its files say")), *ModelKind.choices],
        help_text=_("Another kind than its files say is refused."),
    )  # fmt: skip
    name = forms.CharField(
        label=_("Name here"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("Else as its folder."),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, found: Sequence[FoundFolder]) -> None:
        super().__init__(data)
        fields: Any = self.fields
        fields["place"].choices = [(one.place, one.place) for one in found]

    def asked(self) -> dict[str, Any]:
        """What `model_add_folder` takes."""
        fields = self.cleaned_data
        return {**fields, "kind": ModelKind(fields["kind"]) if fields["kind"] else None}


def folder_page(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Show what was found, or add the model that was chosen. Folders of the machine are for those who may do anything."""
    if not is_superuser(request.user):
        raise PermissionDenied
    found = folders_found()
    form = FolderForm(request.POST if request.method == "POST" else None, found=found)
    if form.is_valid():
        with errors_told(request):
            task = model_add_folder(**form.asked(), actor=acting(request))
            told = gettext("%(task)s: a model worker reads its files, and adds it.")
            messages.success(request, told % {"task": task})
            return redirect(tasks_url())
    title = gettext("Add a model from a folder")
    context = {
        **site.each_context(request), "title": title, "content_title": title, "opts": Model._meta, "form": form,
        "found": found, "most": len(found) == MOST_OFFERED, "root": models_root(),
    }  # fmt: skip
    return TemplateResponse(request, "ragsite/admin/model_folder.html", context)
