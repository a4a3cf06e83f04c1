"""The page to try a query on: an answer, what it rests on, and the passages that were found."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.documents.intake.type_names import document_types_named
from apps.documents.models import KnowledgeBase
from apps.documents.parsing.types import DocumentType
from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import AccessScope, access_scope, knowledge_bases_readable_by
from apps.documents.tags import tags_read
from apps.models.gateway import Deadline
from apps.models.selectors import reranker_default
from apps.retrieval.doors.admin.showing import (
    ShownAnswer,
    ShownSearch,
    ShownSpan,
    answer_shown,
    passages_shown,
    search_shown,
)
from apps.retrieval.doors.exporting import answer_text
from apps.retrieval.evaluation.sets import PLAYGROUND
from apps.retrieval.models import EvaluationSet, Query
from apps.retrieval.pipeline import draft, retrieve, settle
from apps.retrieval.search.filters import SearchFilters
from apps.retrieval.search.request import SearchRequest
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.configuration import SearchSettings
from ragsite.core.errors import PermanentError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Permission

PASSAGES = 10
Item = TypeVar("Item")


MODE_CHOICES = [
    (Mode.HYBRID.value, "Meaning and words"),
    (Mode.DENSE.value, "Meaning alone"),
    (Mode.LEXICAL.value, "Words alone"),
]


class QueryForm(forms.Form):
    """A question and where it is asked."""

    knowledge_base = forms.ModelChoiceField(
        KnowledgeBase.objects.none(),
        empty_label="Choose a knowledge base",
        widget=UnfoldAdminSelectWidget,
    )
    question = forms.CharField(max_length=2_000, widget=UnfoldAdminTextInputWidget)
    passages = forms.IntegerField(min_value=1, max_value=50, initial=PASSAGES, widget=UnfoldAdminIntegerFieldWidget)
    mode = forms.ChoiceField(
        choices=[("", "As the knowledge base is set"), *MODE_CHOICES],
        required=False,
        label="Search by",
        widget=UnfoldAdminSelectWidget,
    )

    tags = forms.CharField(
        required=False, label="Only with one of the tags", widget=UnfoldAdminTextInputWidget,
        help_text="Separated by commas.",
    )  # fmt: skip
    types = forms.CharField(
        required=False, label="Only of the types", widget=UnfoldAdminTextInputWidget, help_text="Such as pdf, word.",
    )  # fmt: skip
    rerank = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["knowledge_base"]
        choice.queryset = _readable(user)
        self.fields["rerank"].disabled = reranker_default() is None

    def clean_tags(self) -> frozenset[str]:
        return frozenset(_told(tags_read, self.cleaned_data["tags"]))

    def clean_types(self) -> frozenset[DocumentType]:
        names = [name for name in self.cleaned_data["types"].split(",") if name.strip()]
        return frozenset(kind for name in names for kind in _told(document_types_named, name))

    def wanted(self) -> SearchRequest:
        """The search that was filled in."""
        fields = self.cleaned_data
        return SearchRequest(
            fields["question"],
            top_k=fields["passages"],
            mode=Mode(fields["mode"]) if fields["mode"] else None,
            filters=SearchFilters(tags_any=fields["tags"], document_types=fields["types"]),
            rerank=fields["rerank"],
        )


def _told(read: Callable[[str], Collection[Item]], text: str) -> Collection[Item]:
    """What is read from the text; a refusal is shown beside the field."""
    try:
        return read(text)
    except PermanentError as error:
        raise ValidationError(error.sentence) from error


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a question: its answer, also as it is copied, and the passages that one search found for it."""

    answer: ShownAnswer
    copied: str
    passages: list[ShownSpan]
    search: ShownSearch
    narrowed: bool


def query_try_page(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Ask on POST. Users who may view questions and knowledge bases may ask: the answer shows no more than those pages."""
    if not request.user.has_perms(["retrieval.view_query", "documents.view_knowledgebase"]):
        raise PermissionDenied
    asked = request.method == "POST"
    form = QueryForm(request.POST if asked else None, initial=_initial(request), user=request.user)
    tried = _try(request, form) if asked and form.is_valid() else None
    context = {
        **site.each_context(request), "title": "Try a query", "opts": Query._meta, "form": form, "tried": tried,
        "marking": _marking(request, form) if tried else None,
    }  # fmt: skip
    return TemplateResponse(request, "ragsite/admin/try_query.html", context)


def _marking(request: HttpRequest, form: QueryForm) -> dict[str, Any] | None:
    """What a passage is marked with, and the sets it may go to; None for those who may not add questions."""
    if not request.user.has_perm("retrieval.add_evaluationquestion"):
        return None
    base = form.cleaned_data["knowledge_base"]
    sets = EvaluationSet.objects.filter(knowledge_base=base)
    return {"question": form.cleaned_data["question"], "knowledge_base": base.pk, "sets": sets, "new_set": PLAYGROUND}


def _try(request: HttpRequest, form: QueryForm) -> Trial | None:
    wanted = form.wanted()
    principal = _staff_principal(request, form.cleaned_data["knowledge_base"])
    with errors_told(request):
        scope = _scope(principal, form.cleaned_data["knowledge_base"])
        deadline = Deadline.after(SearchSettings.current().seconds)
        found = retrieve(wanted, scope=scope, deadline=deadline)
        answer = settle(found, draft(found, deadline=deadline), actor=acting(request))
        return Trial(
            answer_shown(answer),
            answer_text(answer),
            passages_shown(found.passages),
            search_shown(found),
            bool(wanted.filters),
        )
    return None


def _staff_principal(request: HttpRequest, knowledge_base: KnowledgeBase) -> Principal:
    """The staff user as a caller of the knowledge base's tenant, with the rights that were granted to people."""
    user: Any = request.user
    return principal_of_user(user, tenant_id=knowledge_base.tenant_id)


def _readable(user: Any) -> QuerySet[KnowledgeBase]:
    """Where somebody must be let in first, the user is not offered to ask."""
    return knowledge_bases_readable_by(user).select_related("tenant")


def _scope(principal: Principal, knowledge_base: KnowledgeBase) -> AccessScope:
    principal.require(Permission.QUERY)
    return access_scope(principal, knowledge_base_ids=[knowledge_base.pk])


def _initial(request: HttpRequest) -> dict[str, Any]:
    """The knowledge base that a link to this page named, if there is such a one."""
    try:
        named = _readable(request.user).filter(pk=request.GET.get("knowledge_base", ""))
        return {"knowledge_base": named.first(), "passages": PASSAGES}
    except ValidationError:
        return {"passages": PASSAGES}
