"""The forms of the knowledge admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.documents.chunking.settings import (
    LARGEST_SIZE,
    SMALLEST_SIZE,
    ChunkContext,
    ChunkingSettings,
    ChunkingStrategy,
    InvalidChunkingError,
)
from apps.documents.lifecycle.rechunking import chunking_check
from apps.documents.models import Document, KnowledgeBase
from apps.documents.retrieval_settings import Fusion, InvalidRetrievalError, Mode, RetrievalSettings
from apps.documents.tags import InvalidTagsError, tags_read
from ragsite.core.numbers import number_shown_later
from ragsite.core.sentences import said

STRATEGY_CHOICES = [
    (ChunkingStrategy.SENTENCE.value, _("After a sentence, within a section")),
    (ChunkingStrategy.HEADING.value, _("Where a heading begins, as far as the size allows")),
    (ChunkingStrategy.TOKENS.value, _("After a fixed number of tokens")),
    (ChunkingStrategy.SEMANTIC.value, _("Where the meaning turns (costs an embedding for each sentence)")),
]

MODE_CHOICES = [
    ("", _("Meaning and words, as usual")),
    (Mode.HYBRID.value, _("Meaning and words")),
    (Mode.DENSE.value, _("Meaning alone")),
    (Mode.LEXICAL.value, _("Words alone")),
]
FUSION_CHOICES = [
    ("", _("By scores, as usual")),
    (Fusion.CONVEX.value, _("By scores")),
    (Fusion.RRF.value, _("By ranks")),
]

CONTEXT_CHOICES = [
    (ChunkContext.HEADINGS.value, _("The document's name and the headings")),
    (ChunkContext.NONE.value, _("Nothing else")),
]

SEARCHED_BY = {
    "search_mode": "mode", "search_fusion": "fusion", "search_weight": "weight", "search_names": "names",
    "search_same_page": "same_page",
}  # fmt: skip
"""Which field of a knowledge base's form is which setting of its searches."""

MADE_WITH = ("chunk_strategy", "chunk_size", "chunk_overlap", "chunk_context", "parts")
"""Fields for a new knowledge base alone; a re-index changes them later."""

OVERRIDES = {
    "chunk_strategy": "strategy",
    "chunk_size": "size",
    "chunk_overlap": "overlap",
    "chunk_context": "context",
}
"""Which field of a document's form is which setting."""


class KnowledgeBaseForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Name and description, and how it is searched; for a new knowledge base also how its documents are cut."""

    search_mode = forms.ChoiceField(
        label=_("Search by"),
        choices=MODE_CHOICES,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Used unless a question says otherwise."),
    )
    search_fusion = forms.ChoiceField(
        label=_("How meaning and words are combined"),
        choices=FUSION_CHOICES,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    search_weight = forms.FloatField(
        label=_("Weight of meaning"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=format_lazy(_("From 0 to 1; empty for {usual}."), usual=f"{RetrievalSettings().weight:g}"),
    )
    search_names = forms.FloatField(
        label=_("How much a document's name counts"),
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminTextInputWidget,
        help_text=format_lazy(
            _("Of documents whose name has words of the question: 0 for nothing, to 1; empty for {usual}."),
            usual=f"{RetrievalSettings().names:g}",
        ),
    )
    search_same_page = forms.FloatField(
        label=_("What a further passage of a page counts"),
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminTextInputWidget,
        help_text=format_lazy(
            _("Below 1 other pages come sooner; empty for {usual}."), usual=f"{RetrievalSettings().same_page:g}"
        ),
    )
    chunk_strategy = forms.ChoiceField(
        label=_("Passages end"),
        choices=STRATEGY_CHOICES,
        initial=ChunkingSettings().strategy.value,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Where documents are cut into passages."),
    )
    chunk_size = forms.IntegerField(
        label=_("Passage size"),
        initial=ChunkingSettings().size,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=format_lazy(
            _("The most tokens of a passage, {least} to {most}."),
            least=SMALLEST_SIZE,
            most=number_shown_later(LARGEST_SIZE),
        ),
    )
    chunk_overlap = forms.IntegerField(
        label=_("Passage overlap"),
        initial=ChunkingSettings().overlap,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The most tokens repeated, 0 to half of the size."),
    )
    chunk_context = forms.ChoiceField(
        label=_("Found together with"),
        choices=CONTEXT_CHOICES,
        initial=ChunkingSettings().context.value,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=_("What a passage is found by beside its own words; it is not part of what is quoted."),
    )

    class Meta:
        model = KnowledgeBase
        fields: ClassVar = ("tenant", "name", "description", "visibility", "parts")
        widgets: ClassVar = {
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "parts": UnfoldAdminSelectWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, setting in SEARCHED_BY.items():
            if name in self.fields:
                self.fields[name].initial = self.instance.retrieval.get(setting)
        if "parts" in self.fields:
            self.fields["parts"].required = False
        if not self.instance._state.adding:
            for name in MADE_WITH:
                self.fields.pop(name, None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if OVERRIDES.keys() <= cleaned.keys():
            self._check_chunking(cleaned)
        if SEARCHED_BY.keys() <= cleaned.keys():
            self._check_retrieval(cleaned)
        self._check_name(cleaned)
        return cleaned

    def retrieval(self) -> dict[str, Any]:
        """How it is to be searched, as far as that was filled in."""
        filled = {setting: self.cleaned_data[name] for name, setting in SEARCHED_BY.items()}
        return {setting: value for setting, value in filled.items() if value not in (None, "")}

    def chunking(self) -> dict[str, Any]:
        """The settings that were filled in.

        Raises:
            InvalidChunkingError: no document can be cut by them.
        """
        return ChunkingSettings(
            strategy=ChunkingStrategy(self.cleaned_data["chunk_strategy"]),
            size=self.cleaned_data["chunk_size"],
            overlap=self.cleaned_data["chunk_overlap"],
            context=ChunkContext(self.cleaned_data["chunk_context"] or ChunkingSettings().context),
        ).to_dict()

    def _check_chunking(self, cleaned: dict[str, Any]) -> None:
        self.cleaned_data = cleaned
        try:
            self.chunking()
        except InvalidChunkingError as error:
            self.add_error(None, ValidationError(said(error.sentence)))

    def _check_retrieval(self, cleaned: dict[str, Any]) -> None:
        self.cleaned_data = cleaned
        try:
            RetrievalSettings.from_dict(self.retrieval())
        except InvalidRetrievalError as error:
            self.add_error("search_weight", ValidationError(said(error.sentence)))

    def _check_name(self, cleaned: dict[str, Any]) -> None:
        """Shown here beside the field; the service's constraint has the last word."""
        tenant, name = cleaned.get("tenant") or self.instance.tenant_id, cleaned.get("name")
        others = KnowledgeBase.objects.filter(tenant=tenant, name=name, deleted_at=None).exclude(pk=self.instance.pk)
        if tenant and name and others.exists():
            self.add_error(
                "name",
                gettext("There is already a knowledge base named “%(name)s”. Choose another name.") % {"name": name},
            )


class TagsField(forms.CharField):
    """Tags, separated by commas; its value is a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        try:
            return tags_read(super().clean(value))
        except InvalidTagsError as error:
            raise ValidationError(said(error.sentence)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


class DocumentForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What is said about a document, and how it is chunked if that differs from its knowledge base."""

    tags = TagsField(
        label=_("Tags"), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Separated by commas.")
    )
    chunk_strategy = forms.ChoiceField(
        label=_("Passages end"),
        choices=[("", _("As in the knowledge base")), *STRATEGY_CHOICES],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    chunk_size = forms.IntegerField(
        label=_("Passage size"),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The most tokens of a passage; empty as there."),
    )
    chunk_overlap = forms.IntegerField(
        label=_("Passage overlap"),
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The most tokens that are repeated; empty as there."),
    )
    chunk_context = forms.ChoiceField(
        label=_("Found together with"),
        choices=[("", _("As in the knowledge base")), *CONTEXT_CHOICES],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = Document
        fields: ClassVar = ("title", "external_id", "tags")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, setting in OVERRIDES.items():
            if name in self.fields:
                self.fields[name].initial = self.instance.chunking.get(setting)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if OVERRIDES.keys() <= cleaned.keys():
            self.cleaned_data = cleaned
            try:
                chunking_check(self.instance.knowledge_base, self.chunking())
            except InvalidChunkingError as error:
                self.add_error(None, ValidationError(said(error.sentence)))
        return cleaned

    def chunking(self) -> dict[str, Any]:
        """The settings that were filled in, which replace those of the knowledge base."""
        filled = {setting: self.cleaned_data[name] for name, setting in OVERRIDES.items()}
        return {setting: value for setting, value in filled.items() if value not in (None, "")}


class ManyFilesInput(forms.ClearableFileInput):
    """A file input that takes several files at once."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Cleans each file of a ManyFilesInput; its value is a list."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files or [None]]


class UploadForm(forms.Form):
    """Documents to upload. An empty file is left to the service, which says what is wrong with it."""

    uploads = ManyFilesField(
        allow_empty_file=True, error_messages={"required": _("Choose at least one file.")}, max_length=255
    )
    restricted = forms.BooleanField(
        label=_("Only those who get a grant on a document may read it"), required=False, widget=UnfoldBooleanWidget
    )

    def __init__(self, *args: Any, may_restrict: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_restrict:
            del self.fields["restricted"]

    def restricts(self) -> bool:
        """Whether the new documents are to be read by a grant only."""
        return bool(self.cleaned_data.get("restricted"))

    def files_sent(self) -> list[Any]:
        return list(self.cleaned_data["uploads"])


class NewVersionForm(forms.Form):
    """New bytes for a document."""

    uploads = forms.FileField(allow_empty_file=True, error_messages={"required": _("Choose a file.")}, max_length=255)
