"""The page that connects a model at a server, and tries the connection first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.models.installed_model import ModelKind
from apps.models.models import Model, ModelVersion
from apps.models.servers.trial import TRIALS, Trial
from apps.models.services.connecting import Connection, connection_offers, connection_try, model_connect
from ragsite.core.admin.base import acting, errors_told, row_url
from ragsite.core.environment import KEY_VARIABLE
from ragsite.core.errors import RagError
from ragsite.core.sentences import said

TEST = "test"
"""The name of the button that only tries."""

DOES = {
    ModelKind.GENERATION: _("Writes answers"),
    ModelKind.EMBEDDING: _("Embeds questions and passages"),
    ModelKind.RERANKING: _("Reranks passages"),
}


class ConnectForm(forms.Form):
    """Where a model is, and how it is reached."""

    urls = forms.CharField(
        label=_("Addresses"), max_length=20_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_(
            "Such as http://127.0.0.1:11434/v1 (Ollama) or http://gpu:8000/v1 (vLLM). A line for each server of the model."
        ),
    )  # fmt: skip
    key = forms.CharField(
        label=_("Key"), required=False, max_length=4_000, strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=_("If the server wants one. It is stored encrypted and shown to nobody."),
    )  # fmt: skip
    key_env = forms.RegexField(
        KEY_VARIABLE, label=_("Or the variable that holds it"), required=False, widget=UnfoldAdminTextInputWidget,
        error_messages={"invalid": _("Name an environment variable that ends in _API_KEY.")},
        help_text=_("Of ragsite's processes, such as VLLM_API_KEY."),
    )  # fmt: skip
    model = forms.CharField(
        label=_("Model there"), max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("What the server calls it. Leave it empty and test the connection to see what there is."),
    )  # fmt: skip
    name = forms.CharField(
        label=_("Name here"), max_length=200, widget=UnfoldAdminTextInputWidget,
        help_text=_("An existing name has its servers, key or model changed."),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("What it does"), choices=[(kind.value, DOES[kind]) for kind in TRIALS], widget=UnfoldAdminSelectWidget
    )
    max_tokens = forms.IntegerField(
        label=_("Tokens it reads at once"), required=False, min_value=1, max_value=100_000_000,
        widget=UnfoldAdminIntegerFieldWidget, help_text=_("If the server does not say so."),
    )  # fmt: skip
    by_default = forms.BooleanField(
        label=_("Use it from now on, wherever no model is named"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, data: Any = None, *, trying: bool = False) -> None:
        super().__init__(data)
        if trying:
            self.fields["model"].required = self.fields["name"].required = False

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or {}
        if fields.get("key") and fields.get("key_env"):
            raise ValidationError(gettext("Give a key, or the variable that holds it, and not both."))
        return fields

    def connection(self) -> Connection:
        """What was filled in."""
        fields = self.cleaned_data
        return Connection(
            name=fields["name"],
            kind=ModelKind(fields["kind"]),
            urls=fields["urls"].splitlines(),
            model=fields["model"],
            key=fields["key"],
            key_env=fields["key_env"],
            max_tokens=fields["max_tokens"],
        )


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying: of each server what it answered, which models there are, or why nothing could be asked."""

    trials: list[Trial]
    offered: tuple[str, ...]
    error: str = ""


def connect_page(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Show the form, try what it says, or connect it, for those who may add versions of models."""
    if not request.user.has_perm("model_registry.add_modelversion"):
        raise PermissionDenied
    asked, trying = request.method == "POST", TEST in request.POST
    form = ConnectForm(request.POST if asked else None, trying=trying)
    if trying:
        return TemplateResponse(request, "ragsite/admin/connect_tried.html", {"form": form, "tried": _tried(form)})
    if asked and form.is_valid():
        with errors_told(request):
            version = model_connect(
                form.connection(), by_default=form.cleaned_data["by_default"], actor=acting(request)
            ).version
            messages.success(
                request,
                gettext("%(name)s is connected: %(consequence)s")
                % {"name": version.model.name, "consequence": _consequence(version)},
            )
            return redirect(row_url(version))
    context = {
        **site.each_context(request), "title": gettext("Connect a language model"), "opts": Model._meta, "form": form,
        "test": TEST,
    }  # fmt: skip
    return TemplateResponse(request, "ragsite/admin/connect.html", context)


def _tried(form: ConnectForm) -> Tried | None:
    """None where the form is not filled in well, which the template says."""
    if not form.is_valid():
        return None
    connection, error = form.connection(), ""
    offered: tuple[str, ...] = ()
    try:
        offered = connection_offers(connection)
    except RagError as failed:
        error = said(failed.sentence)
    # What the model itself answers tells more than its server's list.
    if error and not connection.model:
        return Tried([], (), error)
    try:
        return Tried(connection_try(connection) if connection.model else [], offered)
    except RagError as failed:
        return Tried([], offered, said(failed.sentence))


def _consequence(version: ModelVersion) -> str:
    if not version.model.is_default:
        return gettext("it is used where it is named.")
    return {
        ModelKind.GENERATION: gettext("the next question is answered by it."),
        ModelKind.EMBEDDING: gettext("new knowledge bases are indexed with it."),
        ModelKind.RERANKING: gettext("searches that ask for reranking use it."),
    }[ModelKind(version.kind)]
