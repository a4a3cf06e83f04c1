"""The pages that take files: documents for a knowledge base, several at once or in a ZIP, and a new version of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect

from apps.documents.admin.forms import NewVersionForm, UploadForm
from apps.documents.intake.bulk import BulkRequest, FileResult, documents_upload
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

TOLD = {
    UploadOutcome.CREATED: (messages.SUCCESS, "{name}: accepted; it is searchable once it is ready."),
    UploadOutcome.NEW_VERSION: (messages.SUCCESS, "{name}: accepted as version {number}; it answers once it is ready."),
    UploadOutcome.UNCHANGED: (messages.INFO, "{name}: unchanged; these bytes are already in {title!r}."),
}
# A ZIP may bring a thousand results: beyond this only refusals are listed one by one, and the rest are counted.
MOST_TOLD = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPage:
    """What a page says, what is done with its files, and where it leads: `done` once something was taken."""

    row: KnowledgeBase | Document
    title: str
    intro: str
    form: Callable[..., UploadForm | NewVersionForm]
    take: Callable[[Any], Iterable[FileResult]]
    done: str
    is_for_many: bool


def documents_page(knowledge_base: KnowledgeBase, *, actor: Actor, may_restrict: bool) -> UploadPage:
    """For documents that are new to a knowledge base."""

    def take(form: UploadForm) -> Iterable[FileResult]:
        files = arrived(form.files_sent())
        request = BulkRequest(knowledge_base=knowledge_base, files=files, restricted=form.restricts())
        return documents_upload(request, actor=actor)

    return UploadPage(
        row=knowledge_base,
        title=f"Upload documents to {knowledge_base}",
        intro="Each file becomes a document, and so does each file in a ZIP. Files that are already there are left as they are.",
        form=partial(UploadForm, may_restrict=may_restrict),
        take=take,
        done=f"{reverse('admin:documents_document_changelist')}?knowledge_base__id__exact={knowledge_base.pk}",
        is_for_many=True,
    )


def new_version_page(document: Document, *, actor: Actor) -> UploadPage:
    """For new bytes of a document that is known."""
    current = document.current_version
    stays = f"Version {current.number} keeps answering until the new one is ready" if current else "None answers yet"
    return UploadPage(
        row=document,
        title=f"Upload a new version of {document}",
        intro=f"{stays}. Earlier versions are kept, and you can roll back to them.",
        form=NewVersionForm,
        take=lambda form: _new_versions(document, form.files_sent(), actor),
        done=row_url(document),
        is_for_many=False,
    )


def upload_page(request: HttpRequest, *, page: UploadPage, site: AdminSite) -> HttpResponse:
    """Show the form, or take the files of it.

    The caller must be exempt from the CSRF middleware: that reads the body first, where a file over the limit raises.
    Here the body is read under guard, and the check follows before anything is done with it.
    """
    if page.is_for_many:
        request.upload_handlers = [ManyFilesUploadHandler(request)]
    try:
        request.FILES  # noqa: B018 - reading it is what parses the body
    except (UploadTooLargeError, TooManyFilesSent) as error:
        messages.error(request, error.sentence if isinstance(error, RagError) else _too_many_files())
        return redirect(request.path)
    response: HttpResponse = csrf_protect(_page)(request, page=page, site=site)
    return response


def _page(request: HttpRequest, *, page: UploadPage, site: AdminSite) -> HttpResponse:
    form = page.form(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        results = list(page.take(form))
        _tell(request, results)
        return redirect(page.done if any(result.outcome for result in results) else request.path)
    context = {
        **site.each_context(request),
        "title": page.title,
        "opts": page.row._meta,
        "original": page.row,
        "page": page,
        "form": form,
        "back": row_url(page.row),
        "extensions": [ending for ending, kind in EXTENSIONS.items() if kind is not DocumentType.CODE],
        "limit": UploadSettings.current().max_megabytes,
        "most": UploadSettings.current().max_files,
    }
    return TemplateResponse(request, "ragsite/admin/upload.html", context)


def _new_versions(document: Document, files: Iterable[Any], actor: Actor) -> Iterator[FileResult]:
    for file in files:
        request = UploadRequest(
            knowledge_base=document.knowledge_base, document=document, filename=file.name, parts=file.chunks()
        )
        try:
            upload = document_upload(request, actor=actor)
        except RagError as error:
            yield FileResult(file.name, error=error)
        else:
            yield FileResult(file.name, upload.outcome, upload.version)


def _tell(request: HttpRequest, results: Sequence[FileResult]) -> None:
    """A message for each file; of very many, for each that was refused, and the numbers of the others."""
    told = results if len(results) <= MOST_TOLD else [result for result in results if result.error][:MOST_TOLD]
    for result in told:
        level, text = _in_words(result)
        messages.add_message(request, level, text)
    if len(told) < len(results):
        messages.info(request, _in_numbers(results))


def _in_words(result: FileResult) -> tuple[int, str]:
    if result.outcome is None or result.version is None:
        return messages.ERROR, f"{result.filename}: {result.error.sentence if result.error else 'refused'}"
    level, text = TOLD[result.outcome]
    version = result.version
    return level, text.format(name=result.filename, number=version.number, title=version.document.title)


def _in_numbers(results: Iterable[FileResult]) -> str:
    """`In all 250 files: 240 created, 8 unchanged, 2 refused.`"""
    counts = Counter(result.outcome.value if result.outcome else "refused" for result in results)
    parts = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in counts.items())
    return f"In all {counts.total():,} files: {parts}."


def _too_many_files() -> str:
    return f"More than {UploadSettings.current().max_files} files at once are not accepted. Upload them in parts."
