"""Answers as they were given, on a page: question, what was searched for, sentences with their verdicts, and the passages then.

Rights first: staff see of an answer what they may read themselves, as over REST. One that quotes anything else is not shown.
"""

from __future__ import annotations

from textwrap import shorten
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by, versions_readable_by
from apps.retrieval.answers.kept import passages_kept
from apps.retrieval.answers.turns import searched_for_shown
from apps.retrieval.answers.visibility import answers_marked, first_withdrawn, is_readable
from apps.retrieval.doors.admin.showing import answer_shown, kept_shown, sentences_shown
from apps.retrieval.doors.exporting import answer_text
from apps.retrieval.evaluation.sets import question_of_answer
from apps.retrieval.models import Answer, AnswerFeedback, Query, Rating
from ragsite.core.admin.base import LargeTableAdmin, acting, badge, errors_told, row_url
from ragsite.core.admin.waterfalls import Trace
from ragsite.gateway.admin.rows import TenantRowsMixin

HIDDEN = gettext_noop("Quotes what you may not read")
TONES = {Rating.UP: "success", Rating.DOWN: "danger"}


def found_badge(answer: Answer | None) -> SafeString:
    """Whether the documents held an answer."""
    if answer is None:
        return badge(gettext("None"), None)
    return badge(gettext("Found"), "success") if answer.found else badge(gettext("Not found"), "warning")


def rating_badge(feedback: AnswerFeedback) -> SafeString:
    return badge(Rating(feedback.rating).label, TONES[Rating(feedback.rating)])


def ask_url(knowledge_base: KnowledgeBase, *, question: str = "") -> str:
    """Where the knowledge base is asked, with the question filled in."""
    url = reverse("workspace-tab", args=[knowledge_base.pk, "ask"])
    return f"{url}?{urlencode({'question': question})}" if question else url


def answer_page(request: HttpRequest, query: Query, *, site: AdminSite) -> HttpResponse:
    """All that may be shown of a question and its answer."""
    versions = versions_readable_by(request.user)
    answer = _answer_of(query, versions)
    bases = KnowledgeBase.objects.filter(pk__in=query.knowledge_base_ids).order_by("name")
    again = knowledge_bases_readable_by(request.user).filter(pk__in=query.knowledge_base_ids).order_by("name").first()
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": str(query),
        "opts": Query._meta,
        "query": query,
        "searched_for": searched_for_shown(query, first_withdrawn(query.conversation_id, versions=versions)),
        "knowledge_bases": ", ".join(bases.values_list("name", flat=True)),
        "conversation_url": row_url(query.conversation) if query.conversation else "",
        "again_url": ask_url(again, question=query.question) if again else "",
        "answer": answer,
        "badge": found_badge(answer),
        "trace": Trace.of(query.trace_id),
    }
    return TemplateResponse(
        request, "ragsite/admin/answer_page.html", context | (_told(request, answer, versions) if answer else {})
    )  # fmt: skip


def _answer_of(query: Query, versions: QuerySet[Any]) -> Answer | None:
    answers = answers_marked(Answer.objects.filter(query=query), versions=versions).select_related("query")
    return answers.prefetch_related("citations__version__document").first()


def _told(request: HttpRequest, answer: Answer, versions: QuerySet[Any]) -> dict[str, Any]:
    """What is said of the answer; nothing of its text where it quotes what the user may not read."""
    passages, total = passages_kept(answer, versions=versions), len(answer.passages)
    feedback: AnswerFeedback | None = getattr(answer, "feedback", None)
    told: dict[str, Any] = {
        "passages": kept_shown(passages),
        "total": total,
        "hidden": sum(
            1 for one in answer.passages if one["version"] not in {str(kept.version.pk) for kept in passages}
        ),
        "mode": answer.searched.get("mode", ""),
        "feedback": feedback,
        "rating": rating_badge(feedback) if feedback else "",
    }
    if not is_readable(answer):
        return told
    may_add = request.user.has_perm("retrieval.add_evaluationquestion") and knowledge_base_of(request, answer)
    return told | {
        "shown": answer_shown(answer),
        # What was left out may have been written from any of the passages.
        "sentences": sentences_shown(answer, left_out=not told["hidden"]),
        "copied": answer_text(answer),
        "evaluate_url": reverse("admin:retrieval_answer_evaluate", args=[answer.pk]) if may_add else "",
    }


def knowledge_base_of(request: HttpRequest, answer: Answer) -> KnowledgeBase | None:
    """The knowledge base whose set the question goes to: that of what is cited first, else the first that was searched."""
    readable = knowledge_bases_readable_by(request.user).select_related("tenant")
    cited = answer.citations.order_by("id").values_list("version__document__knowledge_base", flat=True).first()
    if cited is not None:
        return readable.filter(pk=cited).first()
    return readable.filter(pk__in=answer.query.knowledge_base_ids).order_by("name").first()


@admin.register(Answer)
class AnswerAdmin(TenantRowsMixin, LargeTableAdmin):
    tenant_path = "query__tenant"
    list_display: ClassVar = ("shown_text", "question", "shown_found", "rating", "generator", "created_at")
    list_filter: ClassVar = ("found", "feedback__rating")
    list_select_related: ClassVar = ("query", "feedback")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Answer]:
        answers: QuerySet[Answer] = super().get_queryset(request)
        return answers_marked(answers, versions=versions_readable_by(request.user))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.evaluate_page)
        return [path("<path:object_id>/evaluate/", page, name="retrieval_answer_evaluate"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A page of its own instead of a form: nobody changes an answer."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        answer = self.get_object(request, unquote(object_id))
        if answer is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return answer_page(request, answer.query, site=self.admin_site)

    def evaluate_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make an evaluation question of the answer, and go there."""
        if not request.user.has_perms(["retrieval.add_evaluationquestion", "retrieval.view_answer"]):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        answer = self.row_or_404(request, object_id)
        base = knowledge_base_of(request, answer) if is_readable(answer) else None
        if base is None:
            raise PermissionDenied
        with errors_told(request):
            question = question_of_answer(answer=answer, knowledge_base=base, actor=acting(request))
            messages.success(request, gettext("The question is in the evaluation set. Check what is relevant to it."))
            return redirect(row_url(question))
        return redirect(row_url(answer))

    @display(description=_("Answer"))
    def shown_text(self, answer: Answer) -> str:
        return str(answer) if is_readable(answer) else gettext(HIDDEN)

    @display(description=_("Question"))
    def question(self, answer: Answer) -> str:
        return str(answer.query)

    @display(description=_("Found"), ordering="found")
    def shown_found(self, answer: Answer) -> SafeString:
        return found_badge(answer)

    @display(description=_("Feedback"))
    def rating(self, answer: Answer) -> SafeString | str:
        feedback = getattr(answer, "feedback", None)
        return rating_badge(feedback) if feedback else ""


@admin.register(AnswerFeedback)
class AnswerFeedbackAdmin(TenantRowsMixin, LargeTableAdmin):
    """What people said; a row leads to the answer's page, which shows it beside what was answered."""

    tenant_path = "answer__query__tenant"
    list_display: ClassVar = ("shown_rating", "question", "beginning", "rated_by", "rated_at")
    list_filter: ClassVar = ("rating", "answer__found")
    list_select_related: ClassVar = ("answer__query",)
    search_fields: ClassVar = ("comment", "answer__query__question")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        feedback = self.row_or_404(request, object_id)
        return redirect(f"{row_url(feedback.answer)}#feedback")

    @display(description=_("Rating"), ordering="rating")
    def shown_rating(self, feedback: AnswerFeedback) -> SafeString:
        return rating_badge(feedback)

    @display(description=_("Question"))
    def question(self, feedback: AnswerFeedback) -> str:
        return str(feedback.answer.query)

    @display(description=_("Comment"))
    def beginning(self, feedback: AnswerFeedback) -> str:
        return shorten(feedback.comment, 160, placeholder="…")
