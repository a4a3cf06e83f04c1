"""The doors to a document's pages: a piece of a page for htmx, the picture in it, and the file itself."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from apps.documents.api.files import file_response
from apps.documents.models import DocumentVersion
from apps.documents.pictures.rows import page_picture_open
from apps.documents.rights.originals import file_check, may_open_files
from apps.monitoring.workspace.documents.listing import documents_of
from apps.monitoring.workspace.pages import place_of
from apps.monitoring.workspace.reading.shown import Asked, ShownPage, ShownText, place_shown
from ragsite.core.admin.base import acting
from ragsite.core.errors import NotFoundError, RagError
from ragsite.gateway.problems import error_response

PICTURE_SECONDS = 600
"""How long a browser keeps a picture for its user."""

NOTHING_RUNS = "default-src 'none'; sandbox"
MOST = 2**31 - 1


class PlaceForm(forms.Form):
    """Which span, and which page of a PDF or where in a text; what makes no sense is left out."""

    start = forms.IntegerField(min_value=0, max_value=MOST, required=False)
    end = forms.IntegerField(min_value=1, max_value=MOST, required=False)
    page = forms.IntegerField(min_value=1, max_value=MOST, required=False)
    onwards = forms.IntegerField(min_value=0, max_value=MOST, required=False)
    upto = forms.IntegerField(min_value=1, max_value=MOST, required=False)

    def asked(self) -> Asked:
        self.is_valid()
        said = self.cleaned_data
        start, end = said.get("start"), said.get("end")
        span = (start, end) if start is not None and end is not None and start < end else None
        return Asked(span, said.get("page"), said.get("onwards"), said.get("upto"))


@admin.site.admin_view
@require_http_methods(["GET", "HEAD", "POST"])
def place_view(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int) -> HttpResponse:
    """A place of a version, as a piece of a page; a POST has a page drawn again that could not be.

    Raises:
        Http404: there is no such version for the user.
        PermissionDenied: the user may not look at documents.
    """
    version = version_shown(request, knowledge_base_id, document_id, number)
    opens_files = may_open_files(version.document.knowledge_base, may_change=_may_change(request, version))
    asked = PlaceForm(request.GET).asked()
    context = {
        "version": version,
        "url": request.path,
        "here": request.get_full_path(),
        "span_query": f"start={asked.span[0]}&end={asked.span[1]}" if asked.span else "",
        "file_url": reverse("workspace-document-file", args=[knowledge_base_id, document_id, number])
        if opens_files
        else "",
    }
    try:
        shown = place_shown(version, asked, again=request.method == "POST", pictures=opens_files)
    except NotFoundError as error:
        raise Http404(error.sentence) from error
    if isinstance(shown, ShownPage):
        address = [knowledge_base_id, document_id, number, shown.number]
        context["picture_url"] = reverse("workspace-document-picture", args=address)
        return _rendered(request, "document_place", context | {"shown": shown})
    template = "document_place_text" if isinstance(shown, ShownText) else "document_place_unread"
    return _rendered(request, template, context | {"shown": shown})


@partial(admin.site.admin_view, cacheable=True)
@require_safe
def picture_view(
    request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int, page: int
) -> HttpResponseBase:
    """The picture of a page; an answer in words where there is none, or none now.

    Raises:
        Http404: there is no such version for the user.
    """
    version = version_shown(request, knowledge_base_id, document_id, number)
    try:
        file_check(version, may_change=_may_change(request, version))
        picture, stored = page_picture_open(version=version, page=page)
    except RagError as error:
        return error_response(request, error)
    response = FileResponse(stored, content_type="image/webp")
    response["Content-Length"] = picture.size
    response["Cache-Control"] = f"private, max-age={PICTURE_SECONDS}"
    return _inert(response)


@admin.site.admin_view
@require_safe
def file_view(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int) -> HttpResponseBase:
    """The version's file, as it was uploaded, to be saved; an answer in words where it can't be read.

    Raises:
        Http404: there is no such version for the user.
    """
    version = version_shown(request, knowledge_base_id, document_id, number)
    try:
        may_change = _may_change(request, version)
        return _inert(file_response(version, method=request.method, may_change=may_change, actor=acting(request)))
    except RagError as error:
        return error_response(request, error)


def version_shown(request: HttpRequest, knowledge_base_id: UUID, document_id: UUID, number: int) -> DocumentVersion:
    """A version of a document that the user is shown.

    Raises:
        Http404: there is none, or it is not for the user; the two look alike.
        PermissionDenied: the user may not look at documents.
    """
    place, _ = place_of(request, knowledge_base_id, "documents")
    documents = documents_of(request, place.knowledge_base).filter(pk=document_id)
    versions = DocumentVersion.objects.filter(document__in=documents, number=number)
    version = versions.select_related("document__knowledge_base").first()
    if version is None:
        raise Http404("There is no such version of a document.")
    return version


def _may_change(request: HttpRequest, version: DocumentVersion) -> bool:
    return bool(request.user.has_perm("documents.change_document", version.document))


def _rendered(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    response = render(request, f"ragsite/workspace/{template}.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


def _inert(response: FileResponse) -> FileResponse:
    """Whatever a file brings, a browser runs nothing of it."""
    response["Content-Security-Policy"] = NOTHING_RUNS
    response["X-Content-Type-Options"] = "nosniff"
    return response
