"""The tab with a knowledge base's documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.documents.admin.uploading import extensions_read
from apps.documents.models import BulkJob
from apps.monitoring.jobs.bulk_words import BULKS, Bulk, bulk_named
from apps.monitoring.workspace.documents.bulk import Notice, bulk_ask, bulk_confirm, bulk_watched
from apps.monitoring.workspace.documents.filters import STATE_WORDS, TYPE_WORDS, Filters
from apps.monitoring.workspace.documents.listing import documents_of, listing_of
from apps.monitoring.workspace.place import Place
from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import RagError
from ragsite.core.sentences import said

LIST = "ragsite/workspace/documents_list.html"


def documents_tab(place: Place) -> HttpResponse:
    """The documents, or with `part=list` the list alone, which loads itself again; a POST does something with some."""
    request, filters = place.request, Filters.of(place.request.GET)
    if request.method == "POST":
        return _post(place, filters)
    if request.GET.get("part") == "list":
        return _list(place, filters)
    uploads = UploadSettings.current()
    context = _context(place, filters) | {
        "watched": bulk_watched(place),
        "states": STATE_WORDS.items(),
        "types": sorted(TYPE_WORDS.items(), key=lambda item: str(item[1]).casefold()),
        "extensions": extensions_read(),
        "limit": uploads.max_megabytes,
        "limit_bytes": uploads.max_bytes,
    }
    return place.page("ragsite/workspace/documents.html", context)


def _post(place: Place, filters: Filters) -> HttpResponse:
    """With `ask` the question that is asked first, with `confirm` or `do` the list as it is then."""
    said = place.request.POST
    if "confirm" in said:
        return _begun(place, filters, lambda: bulk_confirm(place, said["confirm"]))
    bulk = bulk_named(said.get("ask") or said.get("do", ""))
    if bulk is None:
        raise Http404("There is nothing of that name to do.")
    if not place.may(bulk.kind.permission):
        raise PermissionDenied
    return _ask(place, filters, bulk) if "ask" in said else _begun(place, filters, lambda: _do(place, filters, bulk))


def _ask(place: Place, filters: Filters, bulk: Bulk) -> HttpResponse:
    context: dict[str, Any] = {"bulk": bulk, "url": _url(place, filters)}
    try:
        asked = bulk_ask(place, bulk, _shown(place, filters))
        context |= {"asked": asked, "question": bulk.question(asked.job.total)}
    except RagError as error:
        context["refused"] = said(error.sentence)
    return render(place.request, "ragsite/workspace/documents_confirm.html", context)


def _do(place: Place, filters: Filters, bulk: Bulk) -> BulkJob:
    """Without a question: a button of a row."""
    asked = bulk_ask(place, bulk, _shown(place, filters))
    return bulk_confirm(place, str(asked.job.pk))


def _begun(place: Place, filters: Filters, begin: Callable[[], BulkJob]) -> HttpResponse:
    try:
        return _list(place, filters, begun=begin())
    except RagError as error:
        return _list(place, filters, [Notice(said(error.sentence), is_bad=True)])


def _shown(place: Place, filters: Filters) -> Any:
    """Among what is chosen. A row that no longer fits the filters stays chosen; `everything` is all that fits them."""
    shown = documents_of(place.request, place.knowledge_base)
    return filters.apply(shown, place.knowledge_base) if place.request.POST.get("everything") else shown


def _list(place: Place, filters: Filters, notices: Sequence[Notice] = (), begun: BulkJob | None = None) -> HttpResponse:
    """The list as a fragment; with the head, unless it only looked how far things are and all are still under way."""
    context, watched = _context(place, filters), bulk_watched(place, begun)
    goes_on = (context["listing"].is_under_way or watched.open) and not watched.notices
    only_looks = "poll" in place.request.GET and goes_on
    context |= {"watched": watched, "notices": [*watched.notices, *notices], "head": None if only_looks else place.head}
    return render(place.request, LIST, context | {"is_part": True})


def _context(place: Place, filters: Filters) -> dict[str, Any]:
    may = place.may
    return {
        "knowledge_base": place.knowledge_base,
        "listing": listing_of(place.request, place.knowledge_base, filters),
        "filters": filters,
        "url": _url(place, filters),
        "plain_url": place.url("documents"),
        "upload_url": reverse("workspace-upload", args=[place.knowledge_base.pk]),
        "failures_url": f"{reverse('failures')}?knowledge_base={place.knowledge_base.pk}",
        "bulks": [bulk for bulk in BULKS if may(bulk.kind.permission)],
        "may_upload": may("documents.add_document"),
        "may_change": may("documents.change_document"),
        "may_retry": may("documents.change_documentversion"),
        "may_restrict": may("documents.add_grant"),
        "empty": _empty(filters, may_upload=may("documents.add_document")),
    }


def _url(place: Place, filters: Filters) -> str:
    query = filters.query()
    return f"{place.url('documents')}?{query}" if query else place.url("documents")


def _empty(filters: Filters, *, may_upload: bool) -> str:
    """What to do where the list is empty."""
    if filters.narrows or filters.page > 1:
        return _("No document fits these filters. Clear them to see all.")
    if may_upload:
        return _("There are no documents yet. Drop files here, or choose some, and ask as soon as one is ready.")
    return _("There are no documents here that you may read. Ask who looks after this knowledge base for access.")
