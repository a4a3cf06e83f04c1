"""Work on models in the admin: downloads, checks and removals, and what model workers hold in memory."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model as Row
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.models.doors.forms import PullForm
from apps.models.models import ModelCache, ModelTask, TaskState
from apps.models.selectors import prompts_shown
from apps.models.services.holding import models_held
from apps.models.services.tasks import model_pull, model_task_cancel
from ragsite.core.actors import actor_text
from ragsite.core.admin.base import ReadOnlyAdmin, acting, badge, confirmation, dialog_done, errors_told

TASK_TONES: dict[str, str | None] = {
    TaskState.DONE: "success", TaskState.OPEN: "info", TaskState.CANCELLING: "warning", TaskState.FAILED: "danger",
    TaskState.CANCELLED: None,
}  # fmt: skip


@admin.register(ModelCache)
class ModelCacheAdmin(ReadOnlyAdmin):
    """What model workers hold in memory."""

    list_display: ClassVar = (
        "version", "worker", "device", "bytes", "uses", "pinned", "loaded_at", "last_used_at",
    )  # fmt: skip
    list_select_related: ClassVar = ("version__model",)
    list_filter: ClassVar = ("pinned",)
    search_fields: ClassVar = ("worker", "version__model__name")
    fields: ClassVar = (*list_display, "told_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelCache]:
        return models_held()


@admin.register(ModelTask)
class ModelTaskAdmin(ReadOnlyAdmin):
    """Downloads, checks, removals, and folders that are added; adding one is a download."""

    form = PullForm
    list_display: ClassVar = ("__str__", "shown_state", "in_words", "asked_by", "created_at", "ended_at")
    list_filter: ClassVar = ("kind", "state")
    search_fields: ClassVar = ("name", "source")
    fields: ClassVar = (
        "kind", "name", "source", "revision", "file", "prompts", "dimensions", "shown_state", "in_words", "version",
        "asked_by", "created_at", "ended_at",
    )  # fmt: skip
    add_fieldsets: ClassVar = (
        (None, {"fields": ("source", "revision", "name", "file", "sha256")}),
        (_("Of an embedding model"), {"fields": ("query_prompt", "document_prompt", "as_given", "dimensions")}),
    )
    actions_detail: ClassVar = ("cancel",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(self.fields) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("model_registry.add_modeltask"))

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("model_registry.change_modeltask"))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        plain = {"show_save_and_add_another": False, "show_save_and_continue": False}
        page: HttpResponse = super().render_change_form(request, context | plain, **kwargs)
        return page

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        task = model_pull(actor=acting(request), **form.asked())
        obj.pk = task.pk
        messages.success(request, gettext("%(task)s: a model worker downloads it.") % {"task": task})

    def response_add(self, request: HttpRequest, obj: Row, post_url_continue: str | None = None) -> HttpResponse:
        return redirect(tasks_url())

    @action(
        description=_("Cancel"),
        icon="cancel",
        permissions=["cancel"],
        variant=ActionVariant.DANGER,
        dialog=confirmation(
            title=_("Cancel this?"),
            text=_("What was downloaded so far is removed. A folder that is being added stays as it is."),
            button=_("Cancel it"),
        ),
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        task = self.row_or_404(request, object_id)
        with errors_told(request):
            model_task_cancel(task_id=task.pk, actor=acting(request))
            messages.success(request, gettext("%(task)s is being cancelled.") % {"task": task})
        return dialog_done(tasks_url())

    @display(description=_("Prompts"), empty_value=_("As its files or its family say"))
    def prompts(self, task: ModelTask) -> str | None:
        return prompts_shown(task)

    @display(description=_("State"), ordering="state")
    def shown_state(self, task: ModelTask) -> SafeString:
        return badge(TaskState(task.state).label, TASK_TONES[task.state])

    @display(description=_("Progress"))
    def in_words(self, task: ModelTask) -> str:
        return task.in_words

    @display(description=_("Asked by"))
    def asked_by(self, task: ModelTask) -> str:
        return actor_text(task.actor)


def tasks_url() -> str:
    return reverse("admin:model_registry_modeltask_changelist")
