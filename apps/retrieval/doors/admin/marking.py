"""One click on a found passage: it answers the question, or it does not, and both go into an evaluation set."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by
from apps.retrieval.evaluation.sets import NewJudgement, passage_mark, playground_set
from apps.retrieval.models import WRONG, EvaluationSet
from ragsite.core.admin.base import acting, row_url
from ragsite.core.errors import RagError
from ragsite.core.sentences import said

MAY_MARK = ("retrieval.add_evaluationquestion", "documents.view_knowledgebase")


class MarkForm(forms.Form):
    """Which span answers which question, or does not, and the set that is noted in; without one, the set of tried queries."""

    knowledge_base = forms.ModelChoiceField(KnowledgeBase.objects.none())
    evaluation_set = forms.ModelChoiceField(EvaluationSet.objects.none(), required=False)
    question = forms.CharField(max_length=2_000)
    version = forms.UUIDField()
    start = forms.IntegerField(min_value=0)
    end = forms.IntegerField(min_value=1)
    wrong = forms.BooleanField(required=False)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["knowledge_base"].queryset = knowledge_bases_readable_by(user)
        fields["evaluation_set"].queryset = EvaluationSet.objects.filter(
            knowledge_base__in=knowledge_bases_readable_by(user)
        )

    @property
    def marked_in(self) -> KnowledgeBase:
        """The knowledge base whose set it is noted in."""
        fields = self.cleaned_data
        chosen: EvaluationSet | None = fields["evaluation_set"]
        base: KnowledgeBase = chosen.knowledge_base if chosen else fields["knowledge_base"]
        return base

    def judged(self) -> NewJudgement:
        """What was said of the span."""
        fields = self.cleaned_data
        grade = WRONG if fields["wrong"] else 1
        return NewJudgement(version_id=fields["version"], start=fields["start"], end=fields["end"], grade=grade)


@require_POST
def passage_mark_page(request: HttpRequest) -> HttpResponse:
    """The piece of the page that takes the place of the button."""
    if not request.user.has_perms(MAY_MARK):
        raise PermissionDenied
    form = MarkForm(request.POST, user=request.user)
    if not form.is_valid():
        return _answered(error=gettext("This passage can't be marked. Reload the page."))
    fields = form.cleaned_data
    if not request.user.has_perms(MAY_MARK, form.marked_in):
        raise PermissionDenied
    evaluation_set = fields["evaluation_set"] or playground_set(fields["knowledge_base"], actor=acting(request))
    try:
        passage_mark(
            evaluation_set=evaluation_set, text=fields["question"], judged=form.judged(), actor=acting(request)
        )  # fmt: skip
    except RagError as error:
        return _answered(error=said(error.sentence))
    return _answered(url=row_url(evaluation_set), name=evaluation_set.name, is_wrong=fields["wrong"])


def _answered(**context: Any) -> HttpResponse:
    return HttpResponse(render_to_string("ragsite/admin/marked.html", context))
