"""How a version of a model is shown in lists."""

from __future__ import annotations

from typing import ClassVar

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import prompts_shown
from ragsite.core.admin.base import ReadOnlyInline, badge, row_link

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

    @display(description=_("Status"), ordering="status")
    def state(self, version: ModelVersion) -> SafeString:
        return badge(ModelStatus(version.status).label, STATUS_TONES[version.status])


class ModelVersionInline(StatusColumn, ReadOnlyInline):
    model = ModelVersion
    verbose_name_plural = _("Versions")
    hide_title = True
    fields: ClassVar = ("page", "state", "dimensions", "max_tokens", "prompts", "created_at")

    @display(description=_("Version"))
    def page(self, version: ModelVersion) -> SafeString:
        return row_link(version)

    @display(description=_("Prompts"), empty_value=_("None"))
    def prompts(self, version: ModelVersion) -> str | None:
        return prompts_shown(version)
