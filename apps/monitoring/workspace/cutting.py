"""A preview on the tab of the index: how one document would be cut, shown in its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Document, ParsedText, VersionStatus
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.workspace.place import Place
from apps.retrieval.index.previewing import CUT_PREVIEW, cut_preview_ask, cut_preview_of
from apps.retrieval.models import CutPreview, PreviewState
from ragsite.core.admin.base import acting
from ragsite.core.errors import PermanentError, RagError
from ragsite.core.presence import jobs_listened_for
from ragsite.core.sentences import said

MOST_OFFERED = 20
Span = Sequence[Any]
"""Start, end, tokens and headings, as a preview has them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a chunk begins."""

    number: int
    tokens: int
    heading: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text that no cut runs through: `tint` says of which of two neighbours it is, "" of none, "both" of two."""

    text: str
    tint: str
    begins: tuple[Cut, ...] = ()


def pieces_of(text: str, spans: Sequence[Span]) -> list[Piece]:
    """The text up to the end of the last span, cut wherever one begins or ends. Pure."""
    if not spans:
        return []
    places = sorted({0, *(span[0] for span in spans), *(span[1] for span in spans)})
    return [_piece(text, spans, start, end) for start, end in pairwise(places)]


def _piece(text: str, spans: Sequence[Span], start: int, end: int) -> Piece:
    inside = [at for at, span in enumerate(spans) if span[0] <= start and end <= span[1]]
    tint = "both" if len(inside) > 1 else ("odd", "even")[inside[0] % 2] if inside else ""
    begins = tuple(Cut(at + 1, spans[at][2], spans[at][3]) for at in inside if spans[at][0] == start)
    return Piece(text[start:end], tint, begins)


def cut_documents(place: Place) -> QuerySet[Document]:
    """The documents that can be chosen: ready ones that the user is shown, the newest first, of those whose title has `q`."""
    shown = documents_shown_to(place.request.user).filter(knowledge_base=place.knowledge_base)
    ready = shown.filter(current_version__status=VersionStatus.READY)
    q = place.request.GET.get("q", "").replace("\0", "").strip()
    found = ready.filter(title__icontains=q) if q else ready
    return found.order_by("-pk").only("pk", "title", "told")[:MOST_OFFERED]


def cut_part(place: Place) -> HttpResponse:
    """The part of the preview: a POST asks for one, which is looked at until it is there; `q` asks for documents to choose."""
    if place.request.method == "POST":
        return _asked(place)
    if "q" in place.request.GET:
        return render(place.request, "ragsite/workspace/cut_documents.html", {"cut_documents": cut_documents(place)})
    preview = cut_preview_of(place.request.user, _id(place.request.GET.get("preview", "")))
    if preview is None or not _document(place, preview.version.document_id):
        raise Http404("There is no such preview.")
    return _shown(place, preview)


def _asked(place: Place) -> HttpResponse:
    form = place.request.POST
    try:
        document = _document(place, _id(form.get("document", "")))
        if document is None or document.current_version is None:
            raise PermanentError(_("No document is chosen."), action=_("Choose one that is ready."))
        preview = cut_preview_ask(
            version=document.current_version, chunking=_settings(form), user=place.request.user,
            actor=acting(place.request),
        )  # fmt: skip
    except RagError as error:
        return render(place.request, "ragsite/workspace/cut_shown.html", {"refused": said(error.sentence)})
    return _shown(place, preview)


def _shown(place: Place, preview: CutPreview) -> HttpResponse:
    context: dict[str, Any] = {"preview": preview, "document": preview.version.document}
    match preview.state:
        case PreviewState.OPEN:
            context["held_up"] = CUT_PREVIEW not in jobs_listened_for()
        case PreviewState.DONE:
            context["pieces"] = pieces_of(_text(preview), preview.spans)
            context["settings"] = ChunkingSettings.from_dict(preview.chunking)
    return render(place.request, "ragsite/workspace/cut_shown.html", context)


def _text(preview: CutPreview) -> str:
    """As far as the cuts are shown in it."""
    end = max((span[1] for span in preview.spans), default=1)
    text: str = ParsedText.objects.values_list(Left("text", end), flat=True).get(version=preview.version_id)
    return text


def _document(place: Place, document_id: UUID) -> Document | None:
    shown = documents_shown_to(place.request.user).filter(knowledge_base=place.knowledge_base, pk=document_id)
    return shown.select_related("current_version__document__knowledge_base").first()


def _settings(form: Any) -> dict[str, Any]:
    numbers = {name: form.get(name, "") for name in ("size", "overlap")}
    wrong = [text for text in numbers.values() if not (text.isascii() and text.isdigit() and len(text) < 7)]
    if wrong:
        raise PermanentError(_("%(text)r is no number of tokens.") % {"text": wrong[0][:40]})
    return {"strategy": form.get("strategy", "")} | {name: int(text) for name, text in numbers.items()}


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
