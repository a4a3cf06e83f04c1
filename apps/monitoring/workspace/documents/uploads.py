"""Files that are dropped on the tab: each comes by a request of its own, and what became of it is told in a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_protect

from apps.documents.admin.addresses import document_url
from apps.documents.admin.forms import NewVersionForm, UploadForm
from apps.documents.admin.uploading import documents_take, files_read, folder_file_take, version_take
from apps.documents.intake.bulk import FileResult
from apps.documents.intake.sources import is_bundle, sha256_of
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.models import Document
from apps.documents.rights.titles import documents_titled
from apps.monitoring.workspace.documents.listing import documents_of
from apps.monitoring.workspace.place import Place
from ragsite.core.admin.base import acting
from ragsite.core.composing import composed, spellings
from ragsite.core.errors import RagError, TransientError
from ragsite.core.sentences import said

MOST_TOLD = 40
"""A ZIP may bring a thousand results: so many refusals are listed, and the rest are counted."""

UNKNOWN_TYPE, WRONG_TYPE = "unknown_type", "type_mismatch"
"""Codes of refusals whose advice names all types there are; the tab has them in one place."""


@dataclass(frozen=True, slots=True)
class Told:
    """A result in words. `mend` is what the line offers: `kinds`, `again`, `version` or nothing."""

    name: str
    words: str
    outcome: str
    url: str = ""
    mend: str = ""
    same: Document | None = None
    """The document of the same name that it may be a new version of: nothing was uploaded, the sender is asked."""


def documents_upload(place: Place) -> HttpResponse:
    """Take the files of a request, and say what became of them in a fragment.

    The caller must be exempt from the CSRF middleware, see `files_read`.

    Raises:
        Http404: there is no such document for the user.
        PermissionDenied: the user may not upload.
    """
    if place.request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    refused = files_read(place.request, many=True)
    response: HttpResponse = csrf_protect(_taken)(place.request, place=place, refused=refused)
    return response


def _taken(request: HttpRequest, *, place: Place, refused: str) -> HttpResponse:
    wanted = request.GET.get("document", "")
    results: Sequence[FileResult | Told] | str = []
    if not refused:
        results = _new_version(place, _document(place, wanted)) if wanted else _documents(place)
    if isinstance(results, str):
        refused, results = results, []
    told = [result if isinstance(result, Told) else _told(result) for result in results]
    shown = {"refused": refused, "told": told, "only": told[0] if len(told) == 1 else None}
    return render(request, "ragsite/workspace/documents_uploaded.html", shown | _in_numbers(told, refused))


def _documents(place: Place) -> Sequence[FileResult | Told] | str:
    """The results of a form with files, or why it is refused."""
    request = place.request
    if not place.may("documents.add_document"):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES, may_restrict=place.may("documents.add_grant"))
    if not form.is_valid():
        return _first_error(form)
    files, path = form.files_sent(), request.POST.get("path", "").replace("\0", "")
    if path and len(files) == 1 and not is_bundle(files[0].name):
        return [
            folder_file_take(
                files[0],
                path=path,
                knowledge_base=place.knowledge_base,
                restricted=form.restricts(),
                actor=acting(request),
            )
        ]
    if "asks" in request.POST and len(files) == 1 and (same := _of_same_name(place, files[0])):
        words = _("“%(title)s” is here already, with other contents.") % {"title": same.title}
        return [Told(files[0].name, words, "asked", document_url(same), mend="version", same=same)]
    return documents_take(
        files, knowledge_base=place.knowledge_base, restricted=form.restricts(), actor=acting(request)
    )


def _of_same_name(place: Place, file: Any) -> Document | None:
    """The document of that name, where it holds other bytes and the user may give it a version."""
    if is_bundle(file.name) or not place.may("documents.change_document"):
        return None
    titled = documents_titled(place.request.user, composed(file.name))
    same = titled.filter(knowledge_base=place.knowledge_base, title__in=spellings(file.name)).first()
    return same if same and same.content_hash != sha256_of(Path(file.temporary_file_path())) else None


def _new_version(place: Place, document: Document) -> Sequence[FileResult] | str:
    request = place.request
    form = NewVersionForm(request.POST, request.FILES)
    if not form.is_valid():
        return _first_error(form)
    return [version_take(form.cleaned_data["uploads"], document=document, actor=acting(request))]


def _document(place: Place, wanted: str) -> Document:
    if not place.may("documents.change_document"):
        raise PermissionDenied
    try:
        pk = UUID(wanted)
    except ValueError as error:
        raise Http404(f"There is no document {wanted[:80]!r}.") from error
    found = documents_of(place.request, place.knowledge_base).select_related("knowledge_base").filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no document {pk}.")
    return found


def _first_error(form: Any) -> str:
    return str(next(iter(form.errors.values()))[0])


def _told(result: FileResult) -> Told:
    if result.outcome is None or result.version is None:
        return _told_refused(result)
    url = document_url(result.version.document)
    match result.outcome:
        case UploadOutcome.CREATED:
            words = _("Uploaded. It answers once it is ready.")
        case UploadOutcome.NEW_VERSION:
            words = _("Uploaded as version %(number)d. It answers once it is ready.") % {
                "number": result.version.number
            }
        case UploadOutcome.UNCHANGED:
            title = result.version.document.name
            words = _("Already here: “%(title)s” has the same contents.") % {"title": title}
    return Told(result.filename, words, result.outcome.value, url)


def _told_refused(result: FileResult) -> Told:
    error = result.error or RagError(_("It was refused."))
    match error.error_code:
        case code if code == UNKNOWN_TYPE:
            return Told(result.filename, _("This type is not read."), "refused", mend="kinds")
        case code if code == WRONG_TYPE:
            return Told(result.filename, error.message, "refused", mend="kinds")
    return Told(
        result.filename, said(error.sentence), "refused", mend="again" if isinstance(error, TransientError) else ""
    )


def _in_numbers(told: Sequence[Told], refused: str) -> dict[str, Any]:
    refusals = [one for one in told if one.outcome == "refused"]
    asked = sum(one.same is not None for one in told)
    unchanged = sum(one.outcome == UploadOutcome.UNCHANGED for one in told)
    return {
        "taken_total": len(told) - len(refusals) - unchanged - asked,
        "unchanged_total": unchanged,
        "refused_total": len(refusals) + bool(refused),
        "refusals": refusals[:MOST_TOLD],
        "refusals_more": max(0, len(refusals) - MOST_TOLD),
    }
