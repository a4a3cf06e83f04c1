"""Models and their versions, to look at; they are registered by command."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.models.models import Model, ModelStatus, ModelVersion
from apps.models.selectors import prompts_shown
from ragsite.core.admin.base import ReadOnlyAdmin, ReadOnlyInline, badge, row_link

STATUS_TONES: dict[str, str | None] = {
    ModelStatus.ACTIVE: "success",
    ModelStatus.READY: "info",
    ModelStatus.REGISTERED: "info",
    ModelStatus.DOWNLOADING: "warning",
    ModelStatus.FAILED: "danger",
    ModelStatus.RETIRED: None,
}


class StatusColumn:
    """A model version's status as a coloured label."""

    @display(description="Status", ordering="status")
    def state(self, version: ModelVersion) -> SafeString:
        return badge(ModelStatus(version.status).label, STATUS_TONES[version.status])


class ModelVersionInline(StatusColumn, ReadOnlyInline):
    model = ModelVersion
    verbose_name_plural = "Versions"
    hide_title = True
    fields: ClassVar = ("page", "state", "dimensions", "max_tokens", "prompts", "created_at")

    @display(description="Version")
    def page(self, version: ModelVersion) -> SafeString:
        return row_link(version)

    @display(description="Prompts", empty_value="None")
    def prompts(self, version: ModelVersion) -> str | None:
        return prompts_shown(version)


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ("name", "kind", "is_default", "active_version", "dimensions", "created_at")
    list_filter: ClassVar = ("kind",)
    search_fields: ClassVar = ("name",)
    inlines: ClassVar = (ModelVersionInline,)
    fields: ClassVar = ("name", "kind", "is_default", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        active = ModelVersion.objects.filter(model=OuterRef("pk"), status=ModelStatus.ACTIVE)
        models: QuerySet[Model] = super().get_queryset(request)
        return models.annotate(
            active_revision=Subquery(active.values("revision")[:1]),
            active_dimensions=Subquery(active.values("dimensions")[:1]),
        )

    @display(description="Active version", empty_value="None")
    def active_version(self, model: Any) -> str | None:
        return model.active_revision[:12] if model.active_revision else None

    @display(description="Dimensions", empty_value="None")
    def dimensions(self, model: Any) -> int | None:
        dimensions: int | None = model.active_dimensions
        return dimensions


@admin.register(ModelVersion)
class ModelVersionAdmin(StatusColumn, ReadOnlyAdmin):
    list_display: ClassVar = ("short_revision", "model", "state", "dimensions", "max_tokens", "created_at")
    list_filter: ClassVar = ("status", "kind")
    list_select_related: ClassVar = ("model",)
    search_fields: ClassVar = ("model__name", "revision")
    fields: ClassVar = (
        "model", "revision", "state", "dimensions", "max_tokens", "prompts", "source", "path", "sha256", "created_at",
    )  # fmt: skip

    @display(description="Version", ordering="revision")
    def short_revision(self, version: ModelVersion) -> str:
        return version.revision[:12]

    @display(description="Prompts", empty_value="None")
    def prompts(self, version: ModelVersion) -> str | None:
        return prompts_shown(version)
