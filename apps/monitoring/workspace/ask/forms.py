"""What is asked, and how: one question, and one or two sets of options."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.documents.intake.type_names import document_types_named
from apps.documents.parsing.types import DocumentType
from apps.documents.retrieval_settings import Mode
from apps.documents.tags import tags_read
from apps.models.installed_model import ModelKind
from apps.models.models import ModelStatus
from apps.models.selectors import model_versions, reranker_default, writer_in_use
from apps.retrieval.answers.options import AnswerOptions
from apps.retrieval.search.filters import SearchFilters
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import PermanentError
from ragsite.core.sentences import said
from ragsite.gateway.models import Tenant

PASSAGES = 10
MOST_NAMED = 100
"""Members that are offered by name; any other can be typed."""

SIDES = ("a", "b")
Item = TypeVar("Item")

NO_WRITER = "none"
MODES = [
    ("", gettext_lazy("As the knowledge base is set")),
    (Mode.HYBRID.value, gettext_lazy("By meaning and by words")),
    (Mode.DENSE.value, gettext_lazy("By meaning alone")),
    (Mode.LEXICAL.value, gettext_lazy("By words alone")),
]


class QuestionForm(forms.Form):
    """A question, the conversation that it goes on with, and with whose eyes it is asked; empty: with one's own."""

    question = forms.CharField(max_length=2_000, error_messages={"required": gettext_lazy("Type a question first.")})
    conversation = forms.UUIDField(required=False)
    compare = forms.BooleanField(required=False)
    eyes = forms.CharField(
        required=False,
        max_length=150,
        label=gettext_lazy("Ask as"),
        help_text=gettext_lazy("A member, to check what that person finds. Nothing of it is kept. Empty: as yourself."),
        widget=UnfoldAdminTextInputWidget(attrs={"list": "ask-members", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, tenant: Tenant, may_ask_as: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._members = members_of(tenant) if may_ask_as else None
        self._tenant = tenant
        if self._members is None:
            del self.fields["eyes"]

    def clean_eyes(self) -> User | None:
        name = self.cleaned_data["eyes"].strip()
        if not name or self._members is None:
            return None
        found: User | None = self._members.filter(username=name).first()
        if found is None:
            raise ValidationError(
                _("%(tenant)s has no member called “%(name)s”. Choose one of the list.")
                % {"tenant": self._tenant, "name": name}
            )
        return found


def members_of(tenant: Tenant) -> Any:
    """Whose rights can be tried: people who belong to the tenant and may sign in."""
    return User.objects.filter(memberships__tenant=tenant, is_active=True).order_by("username")


class OptionsForm(forms.Form):
    """How a question is searched and answered; all may be left as it is."""

    passages = forms.IntegerField(
        min_value=1, max_value=50, required=False, label=gettext_lazy("Passages"), widget=UnfoldAdminIntegerFieldWidget
    )
    mode = forms.ChoiceField(
        choices=MODES, required=False, label=gettext_lazy("How to search"), widget=UnfoldAdminSelectWidget
    )
    writer = forms.ChoiceField(required=False, label=gettext_lazy("Answer by"), widget=UnfoldAdminSelectWidget)
    tags = forms.CharField(
        required=False, label=gettext_lazy("Only with one of these tags"), widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Separated by commas."),
    )  # fmt: skip
    types = forms.CharField(
        required=False, label=gettext_lazy("Only of these types"), widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Such as pdf, word."),
    )  # fmt: skip
    rerank = forms.BooleanField(
        required=False, label=gettext_lazy("Rerank the passages"), widget=UnfoldBooleanWidget
    )  # fmt: skip
    anew = forms.BooleanField(
        required=False, label=gettext_lazy("Answer anew, not from the cache"), widget=UnfoldBooleanWidget
    )  # fmt: skip

    def __init__(self, *args: Any, offered: Offered, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["writer"].choices = offered.writers
        fields["passages"].widget.attrs["placeholder"] = str(PASSAGES)
        if not offered.reranks:
            del fields["rerank"]

    def clean_tags(self) -> frozenset[str]:
        return frozenset(_told(tags_read, self.cleaned_data["tags"]))

    def clean_types(self) -> frozenset[DocumentType]:
        names = [name for name in self.cleaned_data["types"].split(",") if name.strip()]
        return frozenset(kind for name in names for kind in _told(document_types_named, name))

    def request(self, question: str) -> SearchRequest:
        """The search that was filled in."""
        fields = self.cleaned_data
        return SearchRequest(
            question,
            top_k=fields["passages"] or PASSAGES,
            mode=Mode(fields["mode"]) if fields["mode"] else None,
            filters=SearchFilters(tags_any=fields["tags"], document_types=fields["types"]),
            rerank=fields.get("rerank", False),
        )

    def options(self) -> AnswerOptions:
        """How the answer shall be written."""
        writer = self.cleaned_data["writer"]
        if writer == NO_WRITER:
            return AnswerOptions(writes=False)
        return AnswerOptions(model=writer or None)


class Offered:
    """What there is to choose from, asked once for all option sets of a page."""

    def __init__(self) -> None:
        named = model_versions().filter(kind=ModelKind.GENERATION, status=ModelStatus.ACTIVE)
        names = list(named.values_list("model__name", flat=True))
        in_use = writer_in_use()
        usual = in_use.name if in_use else _("sentences of the documents")
        self.writers = [("", _("As it is set: %(what)s") % {"what": usual})]
        if in_use or names:
            self.writers.append((NO_WRITER, _("No language model: sentences of the documents")))
        self.writers += [(name, name) for name in names]
        self.reranks = reranker_default() is not None


def _told(read: Callable[[str], Collection[Item]], text: str) -> Collection[Item]:
    """What is read from the text; a refusal is shown beside the field."""
    try:
        return read(text)
    except PermanentError as error:
        raise ValidationError(said(error.sentence)) from error
