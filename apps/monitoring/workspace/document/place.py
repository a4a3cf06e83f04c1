"""A span in its surroundings, as a part of the document's page, and the file of a version."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from apps.documents.api.files import file_response
from apps.documents.models import ParsedText
from apps.monitoring.workspace.document.opened import number_in, opened
from apps.monitoring.workspace.pages import place_of
from ragsite.core.admin.base import errors_told

AROUND = 3_000


@admin.site.admin_view
def place_view(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int) -> HttpResponse:
    """The text around a span, which is marked.

    Raises:
        Http404: there is no such knowledge base, document or version for the user.
        PermissionDenied: the user may not look at documents there, or at their text.
    """
    place, _tab = place_of(request, knowledge_base_id, "documents")
    here = opened(place, document_id, number=number)
    if not here.may_read:
        raise PermissionDenied
    start, end = number_in(request.GET, "start") or 0, number_in(request.GET, "end") or 0
    first = max(0, start - AROUND)
    texts = ParsedText.objects.filter(version=here.shown)
    text = texts.values_list(Substr("text", first + 1, max(0, end - first) + AROUND), flat=True).first() or ""
    parts = {"before": text[: start - first], "marked": text[start - first : end - first], "after": text[end - first :]}
    return render(request, "ragsite/workspace/document_place.html", parts)


@admin.site.admin_view
def file_view(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int) -> HttpResponseBase:
    """The file of a version, to be saved.

    Raises:
        Http404, PermissionDenied: as `place_view`.
    """
    place, _tab = place_of(request, knowledge_base_id, "documents")
    here = opened(place, document_id, number=number)
    if not here.may_read:
        raise PermissionDenied
    with errors_told(request):
        return file_response(here.shown)
    return redirect(here.url)
