"""Re-indexes in the admin: rows to look at, and the way to the page of a knowledge base's index."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.documents.admin.readable import ReadableRowsMixin
from apps.retrieval.evaluation.experiments.showing import experiment_in_words
from apps.retrieval.models import ExperimentEntry, Reindex, ReindexState
from apps.retrieval.reindexing.progress import reindex_progress
from ragsite.core.admin.base import ReadOnlyAdmin, badge

STATE_TONES: dict[str, str | None] = {
    ReindexState.SWITCHED: "success",
    ReindexState.READY: "warning",
    ReindexState.REFUSED: "warning",
    ReindexState.FAILED: "danger",
    ReindexState.CANCELLED: None,
}


@admin.register(Reindex)
class ReindexAdmin(ReadableRowsMixin, ReadOnlyAdmin):
    list_display: ClassVar = ("__str__", "shown_state", "in_words", "asked_by", "created_at")
    list_filter: ClassVar = ("state",)
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("knowledge_base__name",)
    fields: ClassVar = (
        "knowledge_base", "shown_state", "in_words", "generation", "previous", "is_rollback", "switch", "margin", "embedded",
        "reused", "comparison", "asked_by", "switched_by", "created_at", "ended_at", "mlflow",
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.index_page)
        return [path("of/<uuid:knowledge_base_id>/", page, name="retrieval_reindex_of"), *super().get_urls()]

    def index_page(self, request: HttpRequest, knowledge_base_id: Any) -> HttpResponse:
        """It is a tab of the knowledge base's workspace."""
        return redirect("workspace-tab", knowledge_base_id, "index")

    @display(description=_("State"), ordering="state")
    def shown_state(self, reindex: Reindex) -> SafeString:
        return badge(reindex.get_state_display(), STATE_TONES.get(reindex.state, "info"))

    @display(description="MLflow", empty_value="")
    def mlflow(self, reindex: Reindex) -> SafeString | None:
        return experiment_in_words(ExperimentEntry.objects.filter(reindex=reindex).first()) or None

    @display(description=_("Progress"))
    def in_words(self, reindex: Reindex) -> str:
        return reindex_progress(reindex).text
