"""The forms of the admin for models."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from apps.models.models import MODEL_USABLE, ModelTask, ModelVersion
from apps.models.prompts import LONGEST
from apps.models.services.choices import VersionChoices


class FallbackForm(BaseDialogForm):
    """Another version of the same kind, or none."""

    version = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        required=False,
        label=_("Version"),
        empty_label=_("None"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        of = ModelVersion.objects.get(pk=self.object_id)
        others = ModelVersion.objects.filter(kind=of.kind, status__in=sorted(MODEL_USABLE)).exclude(pk=of.pk)
        field: Any = self.fields["version"]
        field.queryset = others.select_related("model").order_by("model__name", "-id")
        field.initial = of.fallback_id


class PullForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What to download. A form cannot leave a text out: what an empty prompt means is ticked."""

    query_prompt = forms.CharField(
        label=_("Before a question"), required=False, strip=False, max_length=LONGEST, widget=UnfoldAdminTextInputWidget,
        help_text=_("What the model reads before a question, with its blanks."),
    )  # fmt: skip
    document_prompt = forms.CharField(
        label=_("Before a passage"), required=False, strip=False, max_length=LONGEST, widget=UnfoldAdminTextInputWidget,
        help_text=_("What the model reads before a passage, with its blanks."),
    )  # fmt: skip
    as_given = forms.BooleanField(
        label=_("An empty prompt says nothing"), required=False, widget=UnfoldBooleanWidget,
        help_text=_("Else it is what its files or its family say."),
    )  # fmt: skip

    class Meta:
        model = ModelTask
        fields: ClassVar = ("source", "revision", "name", "file", "sha256", "dimensions")
        help_texts: ClassVar = {
            "source": _("A repository of the hub: owner/name."),
            "revision": _("The full hash of a commit."),
            "name": _("What the model is called here; else as its repository."),
            "dimensions": _("Keep the first so many numbers of each vector. Empty: all."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:  # Of a row that is only shown it has none.
            self.fields["name"].required = False

    def asked(self) -> dict[str, Any]:
        """What `model_pull` takes."""
        given = dict(self.cleaned_data)
        unsaid = "" if given.pop("as_given") else None
        query, document = (given.pop(name) or unsaid for name in ("query_prompt", "document_prompt"))
        choices = VersionChoices(query, document, given.pop("dimensions"))
        return {**given, "choices": choices}
