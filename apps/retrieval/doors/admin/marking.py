"""One click on a found passage: it answers the question, and both go into an evaluation set; or it does not."""

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
from apps.retrieval.evaluation.sets import NewJudgement, passage_mark, passage_unmark, playground_set
from apps.retrieval.models import EvaluationSet
from ragsite.core.actors import Actor
from ragsite.core.admin.base import acting, row_url
from ragsite.core.errors import RagError
from ragsite.core.sentences import said


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


@require_POST
def passage_mark_page(request: HttpRequest) -> HttpResponse:
    """The piece of the page that takes the place of the button."""
    if not request.user.has_perms(["retrieval.add_evaluationquestion", "documents.view_knowledgebase"]):
        raise PermissionDenied
    form = MarkForm(request.POST, user=request.user)
    if not form.is_valid():
        return _answered(error=gettext("This passage can't be marked. Reload the page."))
    fields = form.cleaned_data
    evaluation_set = fields["evaluation_set"] or playground_set(fields["knowledge_base"], actor=acting(request))
    try:
        judged = _judged(evaluation_set, fields, actor=acting(request))
    except RagError as error:
        return _answered(error=said(error.sentence))
    return _answered(url=row_url(evaluation_set), name=evaluation_set.name, judged=judged)


def _judged(evaluation_set: EvaluationSet, fields: dict[str, Any], *, actor: Actor) -> str:
    """What was done: marked, unmarked, or nothing, where what is wrong was not marked."""
    span = NewJudgement(version_id=fields["version"], start=fields["start"], end=fields["end"])
    if not fields["wrong"]:
        passage_mark(evaluation_set=evaluation_set, text=fields["question"], relevant=span, actor=actor)
        return "marked"
    was_marked = passage_unmark(evaluation_set=evaluation_set, text=fields["question"], wrong=span, actor=actor)
    return "unmarked" if was_marked else "wrong"


def _answered(**context: str) -> HttpResponse:
    return HttpResponse(render_to_string("ragsite/admin/marked.html", context))
