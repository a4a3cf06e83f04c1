"""What is masked in a knowledge base, in plain words: the setting, how far it is applied, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from apps.documents.masking.settings import MaskingMode, MaskingSettings, masking_of
from apps.documents.models import KnowledgeBase
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.documents.services.masking import masking_under_way
from apps.monitoring.workspace.place import Place
from ragsite.core.admin.base import acting
from ragsite.core.errors import RagError
from ragsite.core.masking.kinds import Kind
from ragsite.core.masking.names import names_are_found
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said

PERMISSION = "documents.add_grant"
"""Who decides on who reads documents decides on what they see of them."""

MODES: dict[str, str | Promise] = {
    MaskingMode.OFF: gettext_lazy("Off: texts are shown as they are"),
    MaskingMode.MONITOR: gettext_lazy("Count only: show how many values there are, and change nothing"),
    MaskingMode.AT_ANSWER: gettext_lazy("In what is shown: searches know the values, nobody sees them"),
    MaskingMode.AT_INGESTION: gettext_lazy("Before anything is kept: not even the index knows the values"),
}
KINDS: dict[str, str | Promise] = {
    Kind.EMAIL: gettext_lazy("E-mail addresses"),
    Kind.PHONE: gettext_lazy("Telephone numbers"),
    Kind.CARD: gettext_lazy("Payment cards"),
    Kind.IBAN: gettext_lazy("Bank accounts (IBAN)"),
    Kind.NATIONAL_ID: gettext_lazy("National numbers of persons"),
    Kind.SECRET: gettext_lazy("Passwords, keys and tokens"),
    Kind.IP_ADDRESS: gettext_lazy("IP addresses"),
    Kind.NAME: gettext_lazy("Names of persons"),
}


class MaskingForm(forms.Form):
    """Where values are masked, and of which kinds."""

    mode = forms.ChoiceField(
        label=gettext_lazy("Mask values"), choices=list(MODES.items()), widget=UnfoldAdminSelectWidget
    )
    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("Which values"),
        choices=list(KINDS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one kind.")},
    )


@dataclass(frozen=True, slots=True)
class Found:
    """How many values of a kind the current versions have."""

    kind: str
    count: str


def masking_context(place: Place, form: MaskingForm | None = None) -> dict[str, Any]:
    """What the card on the settings' tab shows."""
    base, masking = place.knowledge_base, masking_of(place.knowledge_base)
    under_way = masking_under_way(base)
    return {
        "masking_form": form or MaskingForm(initial=masking.to_dict()),
        "masking_mode": MODES[masking.mode],
        "masking_is_on": masking.mode is not MaskingMode.OFF,
        "masking_under_way": under_way.in_words if under_way else "",
        "masking_found": _found(base) if masking.mode is not MaskingMode.OFF else [],
        "names_are_missing": Kind.NAME in masking.kinds and not names_are_found(),
        "may_mask": place.may(PERMISSION),
    }


def masking_save(place: Place) -> MaskingForm | HttpResponse:
    """Save what was chosen; the form again where it can't be."""
    if not place.may(PERMISSION):
        raise PermissionDenied
    form = MaskingForm(place.request.POST)
    if not form.is_valid():
        return form
    try:
        masking = MaskingSettings.from_dict(form.cleaned_data).to_dict()
        knowledge_base_update(knowledge_base=place.knowledge_base, masking=masking, actor=acting(place.request))
    except RagError as error:
        form.add_error(None, said(error.sentence))
        return form
    messages.success(place.request, _("Saved. It is being applied to the documents that are there."))
    return redirect(place.url("settings") + "#masking")


def _found(base: KnowledgeBase) -> list[Found]:
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [base.pk])
        counts = dict(cursor.fetchall())
    return [Found(str(name), number_shown(counts[kind])) for kind, name in KINDS.items() if kind in counts]


_FOUND = """
    SELECT f.key, sum(f.value::bigint)
    FROM documents_document d JOIN documents_parsedtext p ON p.version_id = d.current_version_id,
         jsonb_each_text(p.finds) f
    WHERE d.knowledge_base_id = %s AND d.deleted_at IS NULL
    GROUP BY f.key
"""


def finds_in_words(finds: dict[str, int]) -> str:
    """`E-mail addresses: 3, Telephone numbers: 1`; empty where none were found."""
    return ", ".join(f"{name}: {number_shown(finds[kind])}" for kind, name in KINDS.items() if finds.get(kind))
