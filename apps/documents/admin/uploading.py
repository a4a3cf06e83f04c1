"""Files that the admin takes: documents for a knowledge base, several at once or in a ZIP, and a new version of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.csrf import csrf_protect

from apps.documents.admin.forms import NewVersionForm
from apps.documents.intake.bulk import BulkRequest, FileResult, documents_upload
from apps.documents.intake.external_ids import external_id_of
from apps.documents.intake.sources import arrived
from apps.documents.intake.uploads import UploadOutcome, UploadRequest, document_upload
from apps.documents.models import Document, KnowledgeBase
from apps.documents.parsing.sniffing import EXTENSIONS
from apps.documents.parsing.types import DocumentType
from apps.documents.upload_limits import ManyFilesUploadHandler, UploadTooLargeError
from ragsite.core.actors import Actor
from ragsite.core.admin.base import row_url
from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import RagError
from ragsite.core.sentences import said

TOLD = {
    UploadOutcome.NEW_VERSION: (
        messages.SUCCESS,
        gettext_noop("%(name)s: accepted as version %(number)s; it answers once it is ready."),
    ),
    UploadOutcome.UNCHANGED: (
        messages.INFO,
        gettext_noop("%(name)s: unchanged; these bytes are already in “%(title)s”."),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPage:
    """What the page says that takes a new version of a document, and who uploads it."""

    document: Document
    title: str
    intro: str
    actor: Actor


def new_version_page(document: Document, *, actor: Actor) -> UploadPage:
    """For new bytes of a document that is known."""
    current = document.current_version
    stays = gettext("None answers yet.")
    if current:
        stays = gettext("Version %(number)s keeps answering until the new one is ready.") % {"number": current.number}
    return UploadPage(
        document=document,
        title=gettext("Upload a new version of %(document)s") % {"document": document},
        intro=f"{stays} {gettext('Earlier versions are kept, and you can roll back to them.')}",
        actor=actor,
    )


def documents_take(
    files: Iterable[Any], *, knowledge_base: KnowledgeBase, restricted: bool, actor: Actor
) -> list[FileResult]:
    """Upload files that arrived as documents, and each member of a ZIP among them; what became of each."""
    request = BulkRequest(knowledge_base=knowledge_base, files=arrived(files), restricted=restricted)
    return list(documents_upload(request, actor=actor))


def version_take(file: Any, *, document: Document, actor: Actor) -> FileResult:
    """Upload a file that arrived as a new version of a document; what became of it."""
    request = UploadRequest(
        knowledge_base=document.knowledge_base, document=document, filename=file.name, parts=file.chunks()
    )
    return _taken(request, actor)


def folder_file_take(
    file: Any, *, path: str, knowledge_base: KnowledgeBase, restricted: bool, actor: Actor
) -> FileResult:
    """Upload a file of a folder, known by its path there: the folder taken again brings new versions of what changed."""
    try:
        request = UploadRequest(
            knowledge_base=knowledge_base,
            filename=file.name,
            parts=file.chunks(),
            external_id=external_id_of(path),
            restricted=restricted,
        )
    except RagError as error:
        return FileResult(file.name, error=error)
    return _taken(request, actor)


def _taken(request: UploadRequest, actor: Actor) -> FileResult:
    try:
        upload = document_upload(request, actor=actor)
    except RagError as error:
        return FileResult(request.filename, error=error)
    return FileResult(request.filename, upload.outcome, upload.version)


def files_read(request: HttpRequest, *, many: bool) -> str:
    """Read the body of a request that brings files; why it is refused in a sentence, or "".

    The caller must be exempt from the CSRF middleware: that reads the body first, where a file over the limit raises. Here it
    is read under guard, and the caller checks the token before anything is done with it.
    """
    if many:
        request.upload_handlers = [ManyFilesUploadHandler(request)]
    try:
        request.FILES  # noqa: B018 - reading it is what parses the body
    except UploadTooLargeError as error:
        return said(error.sentence)
    except TooManyFilesSent:
        return gettext("More than %(max_files)s files at once are not accepted. Upload them in parts.") % {
            "max_files": UploadSettings.current().max_files
        }
    return ""


def upload_page(request: HttpRequest, *, page: UploadPage, site: AdminSite) -> HttpResponse:
    """Show the form, or take the file of it. The caller must be exempt from the CSRF middleware, see `files_read`."""
    if refused := files_read(request, many=False):
        messages.error(request, refused)
        return redirect(request.path)
    response: HttpResponse = csrf_protect(_page)(request, page=page, site=site)
    return response


def _page(request: HttpRequest, *, page: UploadPage, site: AdminSite) -> HttpResponse:
    form = NewVersionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        result = version_take(form.cleaned_data["uploads"], document=page.document, actor=page.actor)
        messages.add_message(request, *_in_words(result))
        return redirect(row_url(page.document) if result.outcome else request.path)
    context = {
        **site.each_context(request),
        "title": page.title,
        "opts": page.document._meta,
        "original": page.document,
        "page": page,
        "form": form,
        "back": row_url(page.document),
        "extensions": extensions_read(),
        "limit": UploadSettings.current().max_megabytes,
    }
    return TemplateResponse(request, "ragsite/admin/upload.html", context)


def extensions_read() -> list[str]:
    """The endings of files that are read, but for the many of source code."""
    return [ending for ending, kind in EXTENSIONS.items() if kind is not DocumentType.CODE]


def _in_words(result: FileResult) -> tuple[int, str]:
    if result.outcome is None or result.version is None:
        return messages.ERROR, f"{result.filename}: {said(result.error.sentence) if result.error else 'refused'}"
    level, text = TOLD[result.outcome]
    version = result.version
    return level, gettext(text) % {
        "name": result.filename,
        "number": version.number,
        "title": version.document.name,
    }
