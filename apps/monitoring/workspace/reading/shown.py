"""What of a version is shown at a place: the page as a picture, or a part of the text."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from apps.documents.lifecycle.editing import edits_of
from apps.documents.lifecycle.edits import Edit, span_before_edits
from apps.documents.models import VERSION_STOPPED, DocumentVersion, PagePicture, PictureState
from apps.documents.parsing.types import DocumentType, Span
from apps.documents.pictures.boxes import Rectangle, boxes_unpacked, rectangles_of
from apps.documents.pictures.rows import DRAW, page_picture_of
from apps.documents.pictures.texts import (
    TextFacts,
    page_span,
    pages_of_span,
    sections_between,
    text_between,
    text_facts,
)
from apps.monitoring.workspace.reading.text import (
    WINDOW,
    Part,
    cut_at_lines,
    parts_of,
    window_around,
)
from ragsite.core.presence import jobs_listened_for
from ragsite.core.sentences import said


@dataclass(frozen=True, slots=True)
class Asked:
    """Which span and page are wanted; of a text also where to go on, down from a character or up to one."""

    span: Span | None = None
    page: int | None = None
    onwards: int | None = None
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A highlight, as an SVG takes it: fractions of the page with a point in them, whatever the language."""

    left: str
    top: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class ShownPage:
    """A page of a PDF. `also_on` are the pages of the span, `words` says what to know of the picture, `text` what it says."""

    number: int
    total: int
    picture: PagePicture
    marks: tuple[Mark, ...]
    also_on: tuple[int, ...]
    text: tuple[Part, ...]
    words: str

    @property
    def is_drawn(self) -> bool:
        return self.picture.state == PictureState.READY

    @property
    def waits(self) -> bool:
        return self.picture.state == PictureState.WAITING

    @property
    def has_failed(self) -> bool:
        return self.picture.state == PictureState.FAILED

    @property
    def text_first(self) -> bool:
        """Whether the words are to be read beside the picture, as nothing can be marked on it."""
        return bool(self.words)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.total else None


@dataclass(frozen=True, slots=True)
class ShownText:
    """The characters from `first` to `past` of a text that has `length`, and the span that is looked for in it."""

    parts: tuple[Part, ...]
    first: int
    past: int
    length: int
    span: Span | None

    @property
    def holds_span(self) -> bool:
        """Whether the span begins here."""
        return self.span is not None and self.first <= self.span[0] < self.past

    @property
    def has_earlier(self) -> bool:
        return self.first > 0

    @property
    def has_later(self) -> bool:
        return self.past < self.length


@dataclass(frozen=True, slots=True)
class Unread:
    """A version without a text, in words; `waits` for one that may still get it."""

    words: str
    waits: bool


def place_shown(
    version: DocumentVersion, asked: Asked, *, again: bool = False, pictures: bool = True
) -> ShownPage | ShownText | Unread:
    """What is at the place; `again` has a picture drawn that failed. Without `pictures` a page is shown as its text."""
    facts = text_facts(version.pk)
    if facts is None:
        return _unread(version)
    if version.document_type == DocumentType.PDF and facts.pages and pictures:
        return _page(version, facts, asked, again=again)
    return _text(version, facts, asked)


def _unread(version: DocumentVersion) -> Unread:
    if version.status in VERSION_STOPPED:
        why = said(version.error) or _("It was cancelled before it was read.")
        return Unread(_("This version was not read. %(why)s") % {"why": why}, waits=False)
    return Unread(_("This version has not been read yet. It appears here as soon as it is."), waits=True)


def _page(version: DocumentVersion, facts: TextFacts, asked: Asked, *, again: bool) -> ShownPage:
    """The page is that of the file, as are the marks on it; what is said beside it is the version's text, which may be edited."""
    spanned = pages_of_span(version.pk, *asked.span) if asked.span else []
    number = min(max(1, asked.page or next(iter(spanned), 1)), facts.pages)
    picture = page_picture_of(version=version, page=number, again=again)
    where = page_span(version.pk, number)
    text = text_between(version.pk, *where) if where else ""
    drawn = _drawn(version, asked.span) if number in spanned else None
    marks = _marks(picture, drawn, page_span(version.upload_id, number)) if drawn else ()
    return ShownPage(
        number=number,
        total=facts.pages,
        picture=picture,
        marks=marks,
        also_on=tuple(page for page in spanned if page != number),
        text=_said(version, where, text, asked.span),
        words=_words(
            picture, has_text=bool(text), is_added=number in spanned and drawn is None,
            is_marked=bool(marks) or number not in spanned,
        ),
    )  # fmt: skip


def _drawn(version: DocumentVersion, span: Span | None) -> Span | None:
    """The span in the text of the upload, which is what is drawn; None for what was added to it."""
    if span is None or version.rechunk_of_id is None:
        return span
    edits = [Edit(row.start, row.end, row.text) for row in edits_of(version.pk)]
    return span_before_edits(edits, *span)


def _said(version: DocumentVersion, where: Span | None, text: str, span: Span | None) -> tuple[Part, ...]:
    """The words of a page, without its number before them."""
    if where is None:
        return ()
    sections = [replace(one, place=None) for one in sections_between(version.pk, *where)]
    return tuple(parts_of(text, where[0], sections, span))


def _marks(picture: PagePicture, span: Span, page: Span | None) -> tuple[Mark, ...]:
    boxes = boxes_unpacked(bytes(picture.boxes))
    # A text that was parsed anew since may not be the one that the boxes are of.
    if page is None or len(boxes) != page[1] - page[0]:
        return ()
    return tuple(_mark(one) for one in rectangles_of(boxes, span[0] - page[0], span[1] - page[0]))


def _mark(one: Rectangle) -> Mark:
    return Mark(*(f"{number:.5f}" for number in (one.left, one.top, one.width, one.height)))


def _words(picture: PagePicture, *, has_text: bool, is_added: bool, is_marked: bool) -> str:
    if picture.state == PictureState.FAILED:
        return said(picture.error)
    if picture.state == PictureState.WAITING:
        idle = DRAW not in jobs_listened_for()
        return _("No worker is running, so the page is not drawn just now. Start one.") if idle else ""
    if not has_text:
        return _("No words were found on this page: it is blank, or a picture.")
    if is_added:
        return _("This passage was added by hand, so it does not stand on the page. It is marked in the words below.")
    if is_marked:
        return ""
    return _(
        "This page is a scan, so nothing can be marked on the picture. Its words, as they were recognised, stand below."
    )


def _text(version: DocumentVersion, facts: TextFacts, asked: Asked) -> ShownText:
    window = _window(asked, facts.length)
    offset = max(0, window[0] - 1)
    text = text_between(version.pk, offset, window[1] + 1)
    first, past = cut_at_lines(text, offset, window)
    # Where a part goes on from another one, it begins or ends where that one did.
    first = window[0] if asked.onwards is not None else first
    past = window[1] if asked.upto is not None else past
    sections = sections_between(version.pk, first, past)
    shown = text[first - offset : past - offset]
    return ShownText(tuple(parts_of(shown, first, sections, asked.span)), first, past, facts.length, asked.span)


def _window(asked: Asked, length: int) -> Span:
    if asked.upto is not None:
        past = min(asked.upto, length)
        return max(0, past - WINDOW), past
    if asked.onwards is not None:
        first = min(asked.onwards, length)
        return first, min(length, first + WINDOW)
    return window_around(asked.span, length)
