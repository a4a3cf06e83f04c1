"""The page on which erasing is asked for: what is meant, what there is of it, and its name typed before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.documents.rights.access import documents_shown_to
from apps.monitoring.jobs.erasure_words import counts_in_words, kept_in_words
from apps.retrieval.erasing.services import erasure_ask, erasure_find
from apps.retrieval.models import ErasureSubject
from ragsite.core.admin.base import acting
from ragsite.core.errors import RagError
from ragsite.core.sentences import said
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import AnyUser, tenants_where

PERMISSION = "retrieval.add_erasure"
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)

SUBJECTS: dict[str, str | Promise] = {
    ErasureSubject.USER: gettext_lazy("A person's data"),
    ErasureSubject.DOCUMENT: gettext_lazy("A document"),
    ErasureSubject.TENANT: gettext_lazy("The whole tenant"),
}
CONSEQUENCES: dict[str, str | Promise] = {
    ErasureSubject.USER: gettext_lazy(
        "The person is no member of the tenant any more. What the person uploaded stays: it is the tenant's."
    ),
    ErasureSubject.DOCUMENT: gettext_lazy(
        "The document goes with all its versions, and every question whose answer quotes it, whoever asked."
    ),
    ErasureSubject.TENANT: gettext_lazy(
        "All documents, questions, keys and memberships go. Nobody can work in it any more."
    ),
}


class ErasingForm(forms.Form):
    """What is to be erased, in one of the tenants in which the user may say so."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), label=gettext_lazy("Tenant"), empty_label=None, widget=UnfoldAdminSelectWidget
    )
    subject = forms.ChoiceField(
        choices=list(SUBJECTS.items()), label=gettext_lazy("What is erased"), widget=UnfoldAdminSelectWidget
    )
    who = forms.CharField(
        label=gettext_lazy("Who or which"),
        max_length=500,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy(
            "The name that the person signs in with, or the address of the document's page. For a whole tenant, nothing."
        ),
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenants: Any = self.fields["tenant"]
        tenants.queryset = tenants_erased_in(user)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("subject") != ErasureSubject.TENANT and not cleaned.get("who"):
            self.add_error("who", _("Say who or which is meant."))
        return cleaned


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be erased. `name` is what whoever asks calls it, and has to type."""

    tenant: Tenant
    subject: str
    subject_id: str
    name: str

    @property
    def named(self) -> Mapping[str, Any]:
        """As services are told."""
        return {"subject": self.subject, "subject_id": self.subject_id, "tenant_id": self.tenant.pk}

    def is_typed(self, text: str) -> bool:
        """Whether the text is the name, however its blanks are written."""
        return text.split() == self.name.split()


def tenants_erased_in(user: AnyUser) -> QuerySet[Tenant]:
    """Those in which the user may have something erased."""
    return Tenant.objects.filter(pk__in=tenants_where(user, PERMISSION))


@never_cache
@admin.site.admin_view
def erasing_view(request: HttpRequest) -> HttpResponse:
    """Ask what is meant, then show what there is of it; a POST with its name typed has it erased.

    Raises:
        PermissionDenied: the user may have nothing erased anywhere.
    """
    if not tenants_erased_in(request.user).exists():
        raise PermissionDenied
    given = request.POST if request.method == "POST" else request.GET
    form = ErasingForm(given if "tenant" in given else None, user=request.user, initial=given.dict())
    if not form.is_valid():
        return _page(request, form)
    chosen = _chosen(request, form.cleaned_data)
    try:
        if request.method == "POST" and chosen.is_typed(request.POST.get("typed", "")):
            asked = erasure_ask(**chosen.named, actor=acting(request))
            return redirect("job", "erasure", asked.pk)
        found = erasure_find(**chosen.named, actor=acting(request))
    except RagError as error:
        form.add_error("who", said(error.sentence))
        return _page(request, form)
    return _page(request, form, chosen, found)


def _page(
    request: HttpRequest, form: ErasingForm, chosen: Chosen | None = None, found: Mapping[str, int] | None = None
) -> HttpResponse:
    context: dict[str, Any] = {**admin.site.each_context(request), "title": _("Erase data"), "form": form}
    if chosen is not None:
        context |= {
            "chosen": chosen,
            "counts": counts_in_words(found or {}),
            "kept": kept_in_words(chosen.subject),
            "consequence": CONSEQUENCES[chosen.subject],
            "is_mistyped": request.method == "POST",
        }
    return TemplateResponse(request, "ragsite/jobs/erasing.html", context)


def _chosen(request: HttpRequest, fields: Mapping[str, Any]) -> Chosen:
    """By a name, if whoever asks may know it: of a document that is not theirs to see, by its id. Whether there is any is for
    the service to say.
    """
    tenant, subject, who = fields["tenant"], fields["subject"], fields["who"]
    match subject:
        case ErasureSubject.USER:
            user = User.objects.filter(username=who).first()
            return Chosen(tenant, subject, str(user.pk) if user else who, who)
        case ErasureSubject.DOCUMENT:
            pk = next(reversed(UUID_TEXT.findall(who)), who)
            shown = documents_shown_to(request.user).filter(pk=pk, tenant=tenant) if UUID_TEXT.fullmatch(pk) else None
            document = shown.first() if shown is not None else None
            return Chosen(tenant, subject, pk, document.name_and_title if document else pk)
        case _:
            return Chosen(tenant, subject, str(tenant.pk), tenant.name)
