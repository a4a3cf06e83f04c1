"""The door to a document's page and its parts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.documents.admin.uploading import extensions_read
from apps.documents.admin.wording import size_in_words
from apps.documents.lifecycle.timelines import version_timeline, version_trace_id
from apps.documents.masking.settings import masking_of
from apps.documents.models import ParsedText
from apps.monitoring.workspace.document.doing import document_do
from apps.monitoring.workspace.document.opened import Opened, number_in, opened
from apps.monitoring.workspace.document.passages import passages_of
from apps.monitoring.workspace.document.pipeline import cause_shown, stage_titles, steps_of
from apps.monitoring.workspace.document.seen import use_of
from apps.monitoring.workspace.document.versions import MOST_EDITS_SHOWN, compared, edits_shown, history_of
from apps.monitoring.workspace.documents.rows import rows_of
from apps.monitoring.workspace.masking import finds_in_words
from apps.monitoring.workspace.pages import place_of
from ragsite.core.admin.waterfalls import Trace, waterfall_rows
from ragsite.core.configuration import UploadSettings
from ragsite.gateway.roles import tenants_where

PAGE = "ragsite/workspace/document.html"
PARTS = {
    "live": "ragsite/workspace/document_live.html",
    "passages": "ragsite/workspace/document_passages.html",
    "diff": "ragsite/workspace/document_diff.html",
}


@admin.site.admin_view
def document_view(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID) -> HttpResponse:
    """A document's page, or with `part` a part that loads itself; a POST does something with it.

    Raises:
        Http404: there is no such knowledge base, document or version for the user.
        PermissionDenied: the user may not look at documents there, or not do that.
    """
    place, _tab = place_of(request, knowledge_base_id, "documents")
    said = request.POST if request.method == "POST" else request.GET
    here = opened(place, document_id, number=number_in(said, "version"))
    if request.method == "POST":
        return document_do(here)
    part = request.GET.get("part", "")
    if part in PARTS:
        return _part(here, part)
    return place.page(PAGE, _live(here) | _text(here) | _diff(here) | _around(here))


def _part(here: Opened, part: str) -> HttpResponse:
    contexts = {"live": _live, "passages": _text, "diff": _diff}
    response = render(here.place.request, PARTS[part], contexts[part](here) | {"is_part": True})
    if part == "live" and not here.is_under_way:
        response["HX-Trigger-After-Settle"] = "document-ready"
    return response


def _live(here: Opened) -> dict[str, Any]:
    """What changes while the pipeline runs: head, steps and versions."""
    may, newest = here.place.may, here.newest
    shows_versions = may("documents.view_documentversion")
    return {
        "opened": here,
        "document": here.document,
        "row": rows_of([here.document])[0],
        "size": size_in_words((here.answers or newest).size),
        "steps": steps_of(newest),
        "waterfall": waterfall_rows(version_timeline(newest, now=timezone.now()), stage_titles()),
        "trace": Trace.of(version_trace_id(newest)),
        "cause": cause_shown(newest),
        "history": history_of(here) if shows_versions else [],
        "older_url": f"{reverse('admin:documents_documentversion_changelist')}?document__id__exact={here.document.pk}",
        "may_retry": may("documents.change_documentversion"),
        "may_see_workers": may("documents.view_stagerecord"),
        "may_restrict": may("documents.add_grant"),
        "may_delete": may("documents.delete_document"),
        "may_erase": here.document.tenant_id in tenants_where(here.place.request.user, "retrieval.add_erasure"),
    }


def _text(here: Opened) -> dict[str, Any]:
    """The passages of the version that is looked at."""
    found = passages_of(here, here.place.request.GET) if here.may_read else None
    return {"opened": here, "passages": found}


def _diff(here: Opened) -> dict[str, Any]:
    return {"opened": here, "compared": compared(here, here.place.request.GET) if here.may_read else None}


def _around(here: Opened) -> dict[str, Any]:
    """What the page has once."""
    uploads, document = UploadSettings.current(), here.document
    edits = edits_shown(here) if here.may_read else []
    return {
        "title": document.name,
        "edits": edits[:MOST_EDITS_SHOWN],
        "has_more_edits": len(edits) > MOST_EDITS_SHOWN,
        "use": use_of(here),
        "finds": _finds(here),
        "extensions": extensions_read(),
        "limit": uploads.max_megabytes,
        "limit_bytes": uploads.max_bytes,
        "upload_url": reverse("workspace-upload", args=[document.knowledge_base_id]) + f"?document={document.pk}",
        "documents_url": here.place.url("documents"),
        "nothing": _nothing(here),
    }


def _finds(here: Opened) -> str:
    """How many values of each kind the version has that is looked at, where they are looked for."""
    if not masking_of(here.place.knowledge_base).applied:
        return ""
    found = ParsedText.objects.filter(version=here.shown).values_list("finds", flat=True).first()
    return finds_in_words(found or {})


def _nothing(here: Opened) -> str:
    """Why there are no passages."""
    if here.is_under_way:
        return _("The passages are listed here as soon as the document is read.")
    return _("This version has no passages. Look at its steps above: they say what went wrong, and what mends it.")
