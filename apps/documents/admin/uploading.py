"""The page that uploads documents into a knowledge base, several at once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect

from apps.documents.admin.forms import UploadForm
from apps.documents.models import KnowledgeBase
from apps.documents.parsing.sniffing import EXTENSIONS
from apps.documents.parsing.types import DocumentType
from apps.documents.services.uploads import UploadOutcome, UploadRequest, document_upload
from apps.documents.uploads import UploadTooLargeError
from ragsite.core.errors import RagError

TOLD = {
    UploadOutcome.CREATED: (messages.SUCCESS, "{name}: accepted; it is searchable once it is ready."),
    UploadOutcome.NEW_VERSION: (messages.SUCCESS, "{name}: accepted as a new version."),
    UploadOutcome.UNCHANGED: (messages.INFO, "{name}: unchanged; these bytes are already in {title!r}."),
}

MEGABYTE = 1024 * 1024


def upload_page(request: HttpRequest, *, knowledge_base: KnowledgeBase, site: AdminSite) -> HttpResponse:
    """Show the form, or take the files of it.

    The caller must be exempt from the CSRF middleware: that reads the body first, where a file over the limit raises.
    Here the body is read under guard, and the check follows before anything is done with it.
    """
    try:
        request.FILES  # noqa: B018 - reading it is what parses the body
    except (UploadTooLargeError, TooManyFilesSent) as error:
        messages.error(request, error.sentence if isinstance(error, RagError) else _too_many_files())
        return redirect(request.path)
    page: HttpResponse = csrf_protect(_page)(request, knowledge_base=knowledge_base, site=site)
    return page


def _page(request: HttpRequest, *, knowledge_base: KnowledgeBase, site: AdminSite) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        accepted = [_upload(request, knowledge_base, file) for file in form.cleaned_data["uploads"]]
        return redirect(_documents_url(knowledge_base) if any(accepted) else request.path)
    context = {
        **site.each_context(request),
        "title": f"Upload documents to {knowledge_base}",
        "opts": KnowledgeBase._meta,
        "original": knowledge_base,
        "form": form,
        "extensions": ", ".join(ending for ending, kind in EXTENSIONS.items() if kind is not DocumentType.CODE),
        "limit": settings.RAGSITE_MAX_UPLOAD_BYTES // MEGABYTE,
        "most": settings.DATA_UPLOAD_MAX_NUMBER_FILES,
    }
    return TemplateResponse(request, "ragsite/admin/upload.html", context)


def _upload(request: HttpRequest, knowledge_base: KnowledgeBase, file: Any) -> bool:
    """Upload one file and say what became of it; whether it was taken."""
    try:
        upload = document_upload(UploadRequest(knowledge_base=knowledge_base, filename=file.name, parts=file.chunks()))
    except RagError as error:
        messages.error(request, f"{file.name}: {error.sentence}")
        return False
    level, text = TOLD[upload.outcome]
    messages.add_message(request, level, text.format(name=file.name, title=upload.version.document.title))
    return True


def _too_many_files() -> str:
    return f"More than {settings.DATA_UPLOAD_MAX_NUMBER_FILES} files at once are not taken. Upload them in parts."


def _documents_url(knowledge_base: KnowledgeBase) -> str:
    return f"{reverse('admin:documents_document_changelist')}?knowledge_base__id__exact={knowledge_base.pk}"
