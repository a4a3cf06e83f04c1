"""Document versions: where they stand and why, their timeline, and taking up a failed one again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.documents.admin.finding import versions_named
from apps.documents.admin.wording import (
    OUTCOME_TONES,
    origin_in_words,
    seconds_in_words,
    size_in_words,
    status_badge,
)
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.lifecycle.progress import version_progress
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import (
    LIVING_VERSIONS,
    VERSION_ENDED,
    VERSION_STOPPED,
    DocumentVersion,
    ParsedText,
    StageOutcome,
    StageRecord,
    VersionStatus,
)
from ragsite.core.actors import actor_text
from ragsite.core.admin.base import (
    LargeTableAdmin,
    ReadOnlyInline,
    acting,
    badge,
    confirmation,
    dialog_done,
    errors_told,
    link,
    row_link,
    row_url,
)
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.roles import looks_by_role

PREVIEW_CHARACTERS = 2_000


class StageFilter(admin.SimpleListFilter):
    """By the name of the stage; the names are known, so no row is read to list them."""

    title = _("stage")
    parameter_name = "stage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(stage, stage.capitalize()) for stage in (PARSE, CHUNK, EMBED, ACTIVATE)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StageRecord]) -> QuerySet[StageRecord]:
        return queryset.filter(stage=self.value()) if self.value() else queryset


class StageColumns:
    """How a step of a version's way is shown, in the timeline and in the list of all steps."""

    @display(description=_("Outcome"), ordering="outcome")
    def result(self, record: StageRecord) -> SafeString:
        return badge(StageOutcome(record.outcome).label, OUTCOME_TONES[record.outcome])

    @display(description=_("Time taken"))
    def time_taken(self, record: StageRecord) -> str:
        return seconds_in_words(record.seconds)

    @display(description=_("Asked by"))
    def asked_by(self, record: StageRecord) -> str:
        return actor_text(record.actor)

    @display(description=_("Error"))
    def why(self, record: StageRecord) -> str:
        return said(record.error)


class StageInline(StageColumns, ReadOnlyInline):
    """The version's timeline."""

    model = StageRecord
    verbose_name_plural = _("Timeline")
    hide_title = True
    fields: ClassVar = ("stage", "result", "asked_by", "attempts", "time_taken", "started_at", "worker", "why")


@admin.register(DocumentVersion)
class DocumentVersionAdmin(TenantRowsMixin, LargeTableAdmin):
    tenant_path = "document__tenant"
    list_display: ClassVar = (
        "filename",
        "number",
        "document_link",
        "state_and_reason",
        "chunk_count",
        "created_at",
    )
    list_filter: ClassVar = ("status",)
    search_fields: ClassVar = ("filename", "document__title")
    search_help_text = _("A file name or a document's title; the newest 1,000 are found")
    inlines: ClassVar = (StageInline,)
    actions: ClassVar = ("retry_selected",)
    actions_detail: ClassVar = ("retry", "cancel", "roll_back")
    fieldsets: ClassVar = (
        (
            None,
            {
                "fields": (
                    "state",
                    "explanation",
                    ("origin", "asked_by"),
                    ("document", "chunks"),
                    ("created_at", "ready_at"),
                )
            },
        ),
        (
            _("File"),
            {"classes": ("tab",), "fields": (("filename", "number"), ("document_type", "size_text"), "content_hash")},
        ),
        (_("Parsed text"), {"classes": ("tab",), "fields": ("preview",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentVersion]:
        versions: QuerySet[DocumentVersion] = super().get_queryset(request)
        return versions.filter(LIVING_VERSIONS).select_related("document__knowledge_base", "rechunk_of")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What the document says is for those who read it, and not for all who look after the work on it."""
        fieldsets = super().get_fieldsets(request, obj)
        reads = not looks_by_role(request.user, DocumentVersion) or request.user.has_perm(
            "documents.view_chunk", self.permission_row(obj)
        )
        return fieldsets if reads else [one for one in fieldsets if "preview" not in one[1]["fields"]]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[DocumentVersion], search_term: str) -> Any:
        return (queryset.filter(versions_named(request.user, search_term)) if search_term else queryset), False

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """With a button that retries, for those who may."""
        columns = super().get_list_display(request)
        return (*columns, "mend") if self.has_retry_permission(request) else columns

    def has_retry_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the user may; on a version's page also whether it failed, so that the button shows only then."""
        allowed = self.is_permitted_on(request, "documents.change_documentversion", object_id)
        return allowed and self._offers(request, object_id, lambda version: version.status in VERSION_STOPPED)

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        allowed = self.is_permitted_on(request, "documents.change_documentversion", object_id)
        return allowed and self._offers(request, object_id, lambda version: version.status not in VERSION_ENDED)

    def has_roll_back_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        allowed = self.is_permitted_on(request, "documents.change_document", object_id)
        return allowed and self._offers(request, object_id, _could_answer)

    def _offers(self, request: HttpRequest, object_id: str | None, fits: Callable[[DocumentVersion], bool]) -> bool:
        """Whether a button is shown: on a version's page only when it fits. What is posted the service decides."""
        if object_id is None or request.method == "POST":
            return True
        version = self.get_object(request, object_id)
        return version is not None and fits(version)

    @action(
        description=_("Retry"),
        icon="replay",
        permissions=["retry"],
        variant=ActionVariant.PRIMARY,
        dialog=confirmation(
            title=_("Retry this version?"),
            text=_("It resumes at the last step whose input still exists. Fix the cause first."),
            button=_("Retry"),
        ),
    )
    def retry(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        _retry(request, version)
        return dialog_done(row_url(version))

    @action(
        description=_("Cancel"),
        icon="cancel",
        permissions=["cancel"],
        dialog=confirmation(
            title=_("Cancel the work on this version?"),
            text=_("What was done so far is undone. An earlier version, if any, keeps answering."),
            button=_("Cancel the work"),
        ),
    )
    def cancel(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            version_cancel(version=version, actor=acting(request))
            messages.success(request, gettext("%(version)s was cancelled.") % {"version": version})
        return dialog_done(row_url(version))

    @action(
        description=_("Let this version answer"),
        icon="history",
        permissions=["roll_back"],
        dialog=confirmation(
            title=_("Let this version answer?"),
            text=_("From now on searches find this version instead of the current one. Nothing is embedded again."),
            button=_("Let it answer"),
        ),
    )
    def roll_back(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.row_or_404(request, object_id)
        with errors_told(request):
            document_rollback(document=version.document, version=version, actor=acting(request))
            messages.success(request, gettext("%(version)s answers now.") % {"version": version})
        return dialog_done(row_url(version))

    @action(description=_("Retry the selected versions that stopped"), permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[DocumentVersion]) -> None:
        for version in queryset:
            _retry(request, version)

    @display(description=_("Document"), ordering="document__title")
    def document_link(self, version: DocumentVersion) -> SafeString:
        base = version.document.knowledge_base
        return format_html('{}<br><span class="rag-muted">{}</span>', row_link(version.document), base)

    @display(description=_("Status"))
    def state(self, version: DocumentVersion) -> SafeString:
        return status_badge(version.status)

    @display(description=_("Status"), ordering="status")
    def state_and_reason(self, version: DocumentVersion) -> SafeString:
        reason = format_html('<p class="rag-reason">{}</p>', said(version.error)) if version.error else ""
        return format_html("{}{}", status_badge(version.status), reason)

    @display(description="")
    def mend(self, version: DocumentVersion) -> str:
        if version.status not in VERSION_STOPPED:
            return ""
        url = reverse("admin:documents_documentversion_retry", args=[version.pk])
        return render_to_string("ragsite/admin/retry.html", {"url": url})

    @display(description=_("Origin"))
    def origin(self, version: DocumentVersion) -> str:
        return origin_in_words(version)

    @display(description=_("Asked by"))
    def asked_by(self, version: DocumentVersion) -> str:
        """For an upload, other chunking, a retry, or an end of the work: whichever was last."""
        return actor_text(version.actor)

    @display(description=_("Progress"))
    def explanation(self, version: DocumentVersion) -> str:
        return version_progress(version).text

    @display(description=_("Passages"))
    def chunks(self, version: DocumentVersion) -> SafeString | str:
        if not version.chunk_count:
            return gettext("None yet")
        key = ChunkingSettings.from_dict(version.document.knowledge_base.chunking).key
        url = f"{reverse('admin:documents_chunk_changelist')}?version__id__exact={version.pk}&chunking_key={key}"
        words = ngettext("%(n)s passage", "%(n)s passages", version.chunk_count)
        return link(url, words % {"n": number_shown(version.chunk_count)})

    @display(description=_("Size"))
    def size_text(self, version: DocumentVersion) -> str:
        return size_in_words(version.size)

    @display(description=format_lazy(_("First {count} characters"), count=number_shown(PREVIEW_CHARACTERS)))
    def preview(self, version: DocumentVersion) -> SafeString | str:
        texts = ParsedText.objects.filter(version=version).values_list(Left("text", PREVIEW_CHARACTERS), flat=True)
        text = texts.first()
        return format_html('<pre class="rag-text">{}</pre>', text) if text else gettext("Not parsed yet")


@admin.register(StageRecord)
class StageRecordAdmin(StageColumns, TenantRowsMixin, LargeTableAdmin):
    tenant_path = "version__document__tenant"
    list_display: ClassVar = (
        "version", "stage", "result", "asked_by", "attempts", "time_taken", "worker", "started_at", "why",
    )  # fmt: skip
    list_filter: ClassVar = (StageFilter, "outcome")
    ordering: ClassVar = ("-id",)
    list_select_related: ClassVar = ("version",)
    fields: ClassVar = (
        "version", "stage", "result", "asked_by", "attempts", "time_taken", "worker", "started_at", "finished_at", "error_code",
        "why",
    )  # fmt: skip


def _could_answer(version: DocumentVersion) -> bool:
    return version.status == VersionStatus.READY and version.document.current_version_id != version.pk


def _retry(request: HttpRequest, version: DocumentVersion) -> None:
    with errors_told(request):
        version_retry(version=version, actor=acting(request))
        messages.success(request, gettext("%(version)s will be retried.") % {"version": version})
