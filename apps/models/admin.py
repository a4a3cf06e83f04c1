"""Models and their versions: downloaded, checked, chosen and removed here. A folder is registered by command."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.models.doors.columns import ModelVersionInline, StatusColumn
from apps.models.doors.connecting_page import connect_page
from apps.models.doors.folder_page import folder_page
from apps.models.doors.forms import FallbackForm
from apps.models.doors.testing import files_checked, servers_asked, version_test
from apps.models.doors.trying_page import try_page
from apps.models.models import MODEL_USABLE, Model, ModelStatus, ModelVersion, OrderKind
from apps.models.selectors import prompts_shown
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.holding import model_order, models_held
from apps.models.services.registry import model_activate, model_make_default
from apps.models.services.removing import model_remove
from ragsite.core.admin.base import (
    ReadOnlyAdmin,
    acting,
    confirmation,
    dialog_done,
    errors_told,
    row_url,
)
from ragsite.gateway.members import is_superuser


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ("name", "kind", "is_default", "active_version", "dimensions", "created_at")
    list_filter: ClassVar = ("kind",)
    search_fields: ClassVar = ("name",)
    inlines: ClassVar = (ModelVersionInline,)
    fields: ClassVar = ("name", "kind", "is_default", "created_at")
    actions_list: ClassVar = ("download", "connect", "folder")
    actions_detail: ClassVar = ("try_it", "test")

    def has_connect_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("model_registry.add_modelversion"))

    def has_download_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("model_registry.add_modeltask"))

    def has_folder_permission(self, request: HttpRequest) -> bool:
        """Folders of the machine are for those who may do anything."""
        return is_superuser(request.user)

    def has_test_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("model_registry.change_modelversion"))

    @action(description=_("Download a model"), icon="download", url_path="download", permissions=["download"])
    def download(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:model_registry_modeltask_add")

    @action(
        description=_("Test"),
        icon="network_check",
        permissions=["test"],
        dialog=confirmation(
            title=_("Test the version that is in use?"),
            text=_(
                "Servers are asked for a little, which may take up to half a minute. Of a model that runs here the files are "
                "read again."
            ),
            button=_("Test"),
        ),
    )
    def test(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        model = self.row_or_404(request, object_id)
        version = model.versions.filter(status=ModelStatus.ACTIVE).first()
        if version is None:
            messages.error(
                request, gettext("No version of %(model)s is in use. Choose one below, and use it.") % {"model": model}
            )
            return dialog_done(row_url(model))
        return version_test(request, version)

    @action(description=_("Connect a language model"), icon="link", url_path="connect", permissions=["connect"])
    def connect(self, request: HttpRequest) -> HttpResponse:
        return connect_page(request, site=self.admin_site)

    @action(description=_("From a folder"), icon="folder_open", url_path="folder", permissions=["folder"])
    def folder(self, request: HttpRequest) -> HttpResponse:
        return folder_page(request, site=self.admin_site)

    @action(description=_("Try it"), icon="play_arrow", url_path="try", permissions=["test"])
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        model = self.row_or_404(request, object_id)
        version = model.versions.filter(status=ModelStatus.ACTIVE).select_related("model").first()
        if version is None:
            messages.error(
                request, gettext("No version of %(model)s is in use. Choose one below, and use it.") % {"model": model}
            )
            return redirect(row_url(model))
        return redirect("admin:model_registry_modelversion_try_it", version.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        active = ModelVersion.objects.filter(model=OuterRef("pk"), status=ModelStatus.ACTIVE)
        models: QuerySet[Model] = super().get_queryset(request)
        return models.annotate(
            active_revision=Subquery(active.values("revision")[:1]),
            active_dimensions=Subquery(active.values("dimensions")[:1]),
        )

    @display(description=_("Active version"), empty_value=_("None"))
    def active_version(self, model: Any) -> str | None:
        return model.active_revision[:12] if model.active_revision else None

    @display(description=_("Dimensions"), empty_value=_("None"))
    def dimensions(self, model: Any) -> int | None:
        dimensions: int | None = model.active_dimensions
        return dimensions


ORDERED = {
    OrderKind.LOAD: _("The model workers are told to load %(version)s."),
    OrderKind.WARM: _("The model workers are told to warm %(version)s."),
    OrderKind.UNLOAD: _("The model workers are told to unload %(version)s."),
}
OF_FILES = ("bytes", "licence", "path", "sha256")
OF_THIS_MACHINE = ("source", "path")
"""May name folders of the machine, which are for superusers."""
OF_SERVERS = ("servers", "server_model", "key")
"""Fields that a version of the other sort does not have."""


@admin.register(ModelVersion)
class ModelVersionAdmin(StatusColumn, ReadOnlyAdmin):
    list_display: ClassVar = ("short_revision", "model", "state", "dimensions", "max_tokens", "created_at")
    list_filter: ClassVar = ("status", "kind")
    list_select_related: ClassVar = ("model",)
    search_fields: ClassVar = ("model__name", "revision")
    fields: ClassVar = (
        "model", "revision", "state", "error", "dimensions", "max_tokens", "prompts", "bytes", "licence", "fallback",
        "source", "path", "sha256", "servers", "server_model", "key", "created_at",
    )  # fmt: skip
    actions_detail: ClassVar = (
        "try_it", "use", "use_by_default", "fall_back", "ask_servers", "check_files", "load", "warm", "unload", "forget",
    )  # fmt: skip

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Those that would change something now."""
        offered: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        version = self.get_object(request, str(object_id))
        idle = _idle_actions(version) if version else ()
        return [one for one in offered if one.method.__name__ not in idle]

    def has_use_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("model_registry.change_modelversion"))

    def has_files_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """To do something with the files of a version that has some."""
        return self.has_use_permission(request) and not self._is_remote(request, object_id)

    def has_servers_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.has_use_permission(request) and self._is_remote(request, object_id)

    def _is_remote(self, request: HttpRequest, object_id: str | None) -> bool:
        version = self.get_object(request, object_id) if object_id else None
        return version is not None and version.is_remote

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        hidden: tuple[str, ...] = OF_FILES if obj and obj.is_remote else OF_SERVERS
        if not is_superuser(request.user):
            hidden += OF_THIS_MACHINE
        return tuple(one for one in self.fields if one not in hidden)

    @action(description=_("Try it"), icon="play_arrow", url_path="try", permissions=["use"])
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return try_page(request, self.row_or_404(request, object_id), site=self.admin_site)

    def has_forget_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.has_perm("model_registry.delete_modelversion"))

    @action(
        description=_("Use it"),
        icon="check_circle",
        permissions=["use"],
        dialog=confirmation(
            title=_("Use this version?"),
            text=_(
                "The one in use is retired, and can be used again. Indexes keep the version that made them until a re-index."
            ),
            button=_("Use it"),
        ),
    )
    def use(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            model_activate(version_id=version.pk, actor=acting(request))
            messages.success(request, gettext("%(version)s is in use.") % {"version": version})
        return dialog_done(_versions_url())

    @action(
        description=_("By default"),
        icon="star",
        permissions=["use"],
        dialog=confirmation(
            title=_("Use this model where none is named?"),
            text=_(
                "Of an embedding model, new knowledge bases are indexed with it; those there are keep theirs until a re-index. "
                "Any other is used from the next question on."
            ),
            button=_("Use it by default"),
        ),
    )
    def use_by_default(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            model_make_default(version_id=version.pk, actor=acting(request))
            messages.success(request, gettext("%(model)s is the default.") % {"model": version.model})
        return dialog_done(_versions_url())

    @action(
        description=_("Fall back"),
        icon="alt_route",
        permissions=["use"],
        dialog=ActionDialog(
            title=_("Which version answers where this one does not?"),
            description=_(
                "A smaller one of the same kind, where this one cannot be loaded or takes too long. Of an embedding "
                "model, its knowledge bases get a second index by that, which is kept up to date."
            ),
            form_class=FallbackForm,
            form_submit_text=_("Save"),
        ),
    )
    def fall_back(self, request: HttpRequest, form: FallbackForm, object_id: str) -> HttpResponse:
        version, to = self.row_or_404(request, object_id), form.cleaned_data["version"]
        with errors_told(request):
            model_fall_back(version_id=version.pk, to=to and to.pk, actor=acting(request))
            told = {"version": version, "other": to or gettext("nothing")}
            messages.success(request, gettext("%(version)s falls back to %(other)s.") % told)
        return dialog_done(row_url(version))

    @action(
        description=_("Test connection"),
        icon="network_check",
        permissions=["servers"],
        dialog=confirmation(
            title=_("Ask its servers?"),
            text=_("Each is asked for a little, which may take up to half a minute."),
            button=_("Ask"),
        ),
    )
    def ask_servers(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            servers_asked(request, version)
        return dialog_done(row_url(version))

    @action(
        description=_("Check its files"),
        icon="fact_check",
        permissions=["files"],
        dialog=confirmation(
            title=_("Check this version's files?"),
            text=_(
                "A model worker reads all of them again. If one is missing or has changed, the version is not used any more."
            ),
            button=_("Check"),
        ),
    )
    def check_files(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        return files_checked(request, version)

    @action(
        description=_("Load"),
        icon="memory",
        permissions=["files"],
        dialog=confirmation(
            title=_("Load this version?"),
            text=_(
                "Model workers load it within seconds and keep it loaded, if it fits beside what they keep already."
            ),
            button=_("Load"),
        ),
    )
    def load(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._order(request, object_id, OrderKind.LOAD)

    @action(
        description=_("Warm"),
        icon="mode_heat",
        permissions=["files"],
        dialog=confirmation(
            title=_("Load this version if it fits?"),
            text=_(
                "Model workers load it within seconds, where nothing has to make room for it. It may make room later."
            ),
            button=_("Load"),
        ),
    )
    def warm(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._order(request, object_id, OrderKind.WARM)

    @action(
        description=_("Unload"),
        icon="eject",
        permissions=["files"],
        dialog=confirmation(
            title=_("Unload this version?"), text=_("The next call that needs it loads it again."), button=_("Unload")
        ),
    )
    def unload(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._order(request, object_id, OrderKind.UNLOAD)

    def _order(self, request: HttpRequest, object_id: str, kind: OrderKind) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            model_order(version_id=version.pk, kind=kind, actor=acting(request))
            messages.success(request, str(ORDERED[kind]) % {"version": version})
        return dialog_done(reverse("admin:model_registry_modelcache_changelist"))

    @action(
        description=_("Remove"),
        icon="delete",
        permissions=["forget"],
        variant=ActionVariant.DANGER,
        dialog=confirmation(
            title=_("Remove this version?"),
            text=_("Files that were downloaded are removed; a folder that was registered stays."),
            button=_("Remove"),
        ),
    )
    def forget(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            model_remove(version_id=version.pk, actor=acting(request))
            messages.success(request, gettext("%(version)s is removed.") % {"version": version})
        return dialog_done(_versions_url())

    @display(description=_("Servers"), empty_value=_("None: it runs in model workers"))
    def servers(self, version: ModelVersion) -> str | None:
        return ", ".join(version.urls) or None

    @display(description=_("Key for its servers"))
    def key(self, version: ModelVersion) -> str:
        return version.key_in_words

    @display(description=_("Version"), ordering="revision")
    def short_revision(self, version: ModelVersion) -> str:
        return version.revision[:12]

    @display(description=_("Prompts"), empty_value=_("None"))
    def prompts(self, version: ModelVersion) -> str | None:
        return prompts_shown(version)


def _idle_actions(version: ModelVersion) -> frozenset[str]:
    """Names of the actions that would leave it as it is."""
    idle = {"unload"} if not models_held().filter(version=version).exists() else {"warm"}
    if version.status == ModelStatus.ACTIVE:
        idle |= {"use", "use_by_default"} if version.model.is_default else {"use"}
    return frozenset(
        idle if version.status in MODEL_USABLE else idle | {"try_it", "use", "use_by_default", "load", "warm"}
    )


def _versions_url() -> str:
    return reverse("admin:model_registry_modelversion_changelist")
