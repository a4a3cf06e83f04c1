"""Index generations: with which model and chunking a knowledge base is searched."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.retrieval.index.partitions import removal_waits
from apps.retrieval.models import GenerationState, IndexGeneration
from ragsite.core.admin.base import ReadOnlyAdmin, badge
from ragsite.core.numbers import number_shown
from ragsite.gateway.admin.rows import TenantRowsMixin

STATE_TONES: dict[str, str | None] = {
    GenerationState.LIVE: "success",
    GenerationState.STANDBY: "success",
    GenerationState.BUILDING: "info",
    GenerationState.FILLING: "info",
}


def parts_in_words(generation: IndexGeneration) -> str:
    """How many parts a divided generation has, and how they are searched."""
    parts = generation.held_in
    counted = {"total": number_shown(len(parts)), "indexed": number_shown(sum(part.has_hnsw for part in parts))}
    return gettext("In parts: %(total)s, of them by HNSW index: %(indexed)s") % counted


@admin.register(IndexGeneration)
class IndexGenerationAdmin(TenantRowsMixin, ReadOnlyAdmin):
    tenant_path = "knowledge_base__tenant"
    list_display: ClassVar = (
        "__str__",
        "knowledge_base",
        "shown_state",
        "model_version",
        "searched",
        "waits",
        "created_at",
    )
    list_filter: ClassVar = ("state",)
    list_select_related: ClassVar = ("knowledge_base", "model_version__model")
    search_fields: ClassVar = ("knowledge_base__name",)
    fields: ClassVar = (
        "knowledge_base", "shown_state", "model_version", "dimensions", "chunking", "chunking_key", "parts", "embeddings",
        "searched", "waits", "tables", "created_at",
    )  # fmt: skip

    @display(description=_("State"), ordering="state")
    def shown_state(self, generation: IndexGeneration) -> SafeString:
        return badge(generation.get_state_display(), STATE_TONES.get(generation.state))

    @display(description=_("Searched"), ordering="has_hnsw")
    def searched(self, generation: IndexGeneration) -> str:
        if generation.collection:
            return gettext("In %(store)s") % {"store": generation.get_store_display()}
        if generation.is_divided:
            return parts_in_words(generation)
        if generation.has_hnsw and generation.quantised:
            return gettext("By HNSW index of single bits")
        return gettext("By HNSW index") if generation.has_hnsw else gettext("Exactly")

    @display(description=_("Embeddings"))
    def embeddings(self, generation: IndexGeneration) -> str:
        return number_shown(generation.embeddings.count())

    @display(description=_("Tables"))
    def tables(self, generation: IndexGeneration) -> str:
        return ", ".join(held.partition for held in generation.held_in)

    @display(description=_("Waits for"))
    def waits(self, generation: IndexGeneration) -> str:
        return removal_waits(generation)
