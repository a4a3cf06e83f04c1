"""Conversations with their turns, as far as the user may read what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import versions_readable_by
from apps.retrieval.answers.conversations import ReadTurn, turns_of
from apps.retrieval.doors.admin.answers import found_badge, rating_badge
from apps.retrieval.doors.exporting import conversation_markdown, export_file
from apps.retrieval.models import Conversation, Query
from ragsite.core.admin.base import LargeTableAdmin, badge, row_url
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn ready for the page; without a `text` it is withdrawn."""

    query: Query
    searched_for: str
    text: str
    found: bool
    badge: SafeString
    rating: SafeString | str
    sources: int
    url: str


@admin.register(Conversation)
class ConversationAdmin(TenantRowsMixin, LargeTableAdmin):
    list_display: ClassVar = ("__str__", "turn_count", "begun_by", "tenant", "last_at")
    list_filter: ClassVar = (("tenant", TenantFilter),)
    list_select_related: ClassVar = ("tenant",)
    search_fields: ClassVar = ("title", "begun_by")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.export_page)
        return [path("<path:object_id>/export/", page, name="retrieval_conversation_export"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A page of its own instead of a form: nobody changes what was said."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        conversation = self.row_or_404(request, object_id)
        names = KnowledgeBase.objects.filter(pk__in=conversation.knowledge_base_ids).values_list("name", flat=True)
        context = {
            **self.admin_site.each_context(request),
            "title": str(conversation),
            "opts": self.opts,
            "conversation": conversation,
            "knowledge_bases": ", ".join(names),
            "turns": [_shown(turn) for turn in self._turns(request, conversation)],
            "export_url": reverse("admin:retrieval_conversation_export", args=[conversation.pk]),
        }
        return TemplateResponse(request, "ragsite/admin/conversation.html", context)

    def export_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """All of it in Markdown, but for what the user may not read."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        conversation = self.row_or_404(request, object_id)
        text = conversation_markdown(conversation, self._turns(request, conversation))
        return export_file(text, name=f"conversation-{conversation.pk}")

    def _turns(self, request: HttpRequest, conversation: Conversation) -> list[ReadTurn]:
        return turns_of(conversation, versions=versions_readable_by(request.user))


def _shown(turn: ReadTurn) -> ShownTurn:
    answer = turn.answer
    feedback = getattr(answer, "feedback", None)
    return ShownTurn(
        query=turn.query,
        searched_for=turn.searched_for,
        text=answer.text if answer else "",
        found=bool(answer and answer.found),
        badge=found_badge(answer) if answer else badge(gettext("Hidden"), None),
        rating=rating_badge(feedback) if feedback else "",
        sources=len(answer.citations.all()) if answer else 0,
        url=row_url(turn.query),
    )
