"""What lies on a page beside its text: filled fields of forms, notes and comments, links."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from apps.documents.parsing.pdf.letters import Box
from apps.documents.parsing.symbols import EMPTY, TICKED

MOST_ON_PAGE = 2_000
MOST_OPTIONS = 2_000
MOST_PARTS = 500
LONGEST = 100_000
_HIDDEN = 1 << 1
_PASSWORD = 1 << 13
_MARKING = frozenset(
    {pdfium.FPDF_ANNOT_HIGHLIGHT, pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT}
)


_NUMBERED = re.compile(r"\[\d+\]\Z")
_SAYS_NOTHING = frozenset({"", "yes", "on", "off", "true", "ja", "oui"})


class Kind(Enum):
    """What a mark is."""

    FIELD = "field"
    TEXT = "text"
    COMMENT = "comment"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that lies on a page: what a field is called and holds, what a comment says and who wrote it, where a link leads.

    `parts` are the lines that a comment or link lies over. Of a field that is ticked or empty `value` is TICKED or EMPTY.
    """

    kind: Kind
    box: Box
    value: str
    name: str = ""
    parts: tuple[Box, ...] = ()


def marks_on(page: pypdfium2.PdfPage) -> list[Mark]:
    """What lies on the page, from the top, and from the left; fields only where the document's forms were opened."""
    number = min(pdfium.FPDFPage_GetAnnotCount(page), MOST_ON_PAGE)
    if number <= 0:
        return []
    found = (_mark(page, at) for at in range(number))
    return sorted((mark for mark in found if mark), key=lambda mark: (-round(mark.box.top), mark.box.left))


def _mark(page: pypdfium2.PdfPage, at: int) -> Mark | None:
    annotation = pdfium.FPDFPage_GetAnnot(page, at)
    if not annotation:
        return None
    try:
        return _Annotation(annotation, page.pdf).mark()
    finally:
        pdfium.FPDFPage_CloseAnnot(annotation)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """An open annotation of a document."""

    raw: Any
    pdf: pypdfium2.PdfDocument

    def mark(self) -> Mark | None:
        if pdfium.FPDFAnnot_GetFlags(self.raw) & _HIDDEN:
            return None
        match pdfium.FPDFAnnot_GetSubtype(self.raw):
            case pdfium.FPDF_ANNOT_WIDGET:
                return self._field() if self.pdf.formenv else None
            case pdfium.FPDF_ANNOT_LINK:
                return self._link()
            case pdfium.FPDF_ANNOT_POPUP:
                return None
            case pdfium.FPDF_ANNOT_FREETEXT:
                said = self._told("Contents")
                return Mark(Kind.TEXT, self._box(), said) if said else None
            case subtype:
                said = self._told("Contents")
                parts = self._parts() if subtype in _MARKING else ()
                return Mark(Kind.COMMENT, self._box(), said, self._told("T"), parts) if said else None

    def _link(self) -> Mark | None:
        link = pdfium.FPDFAnnot_GetLink(self.raw)
        action = pdfium.FPDFLink_GetAction(link) if link else None
        if not action or pdfium.FPDFAction_GetType(action) != pdfium.PDFACTION_URI:
            return None
        length = pdfium.FPDFAction_GetURIPath(self.pdf, action, None, 0)
        address = ctypes.create_string_buffer(min(length, LONGEST))
        pdfium.FPDFAction_GetURIPath(self.pdf, action, address, len(address))
        target = address.value.decode("utf-8", "replace").strip()
        return Mark(Kind.LINK, self._box(), target, parts=self._parts()) if target else None

    def _field(self) -> Mark | None:
        match pdfium.FPDFAnnot_GetFormFieldType(self.pdf.formenv, self.raw):
            case pdfium.FPDF_FORMFIELD_CHECKBOX | pdfium.FPDF_FORMFIELD_RADIOBUTTON:
                is_ticked = pdfium.FPDFAnnot_IsChecked(self.pdf.formenv, self.raw)
                return Mark(Kind.FIELD, self._box(), TICKED if is_ticked else EMPTY, self._name(of_choice=True))
            case pdfium.FPDF_FORMFIELD_COMBOBOX | pdfium.FPDF_FORMFIELD_LISTBOX:
                value = ", ".join(self._chosen()) or self._asked(pdfium.FPDFAnnot_GetFormFieldValue)
            case pdfium.FPDF_FORMFIELD_TEXTFIELD:
                flags = pdfium.FPDFAnnot_GetFormFieldFlags(self.pdf.formenv, self.raw)
                value = "" if flags & _PASSWORD else self._asked(pdfium.FPDFAnnot_GetFormFieldValue)
            case _:
                return None
        return Mark(Kind.FIELD, self._box(), value, self._name()) if value else None

    def _name(self, *, of_choice: bool = False) -> str:
        """What people call the field, else the last part of its name; of one that is chosen, also what is chosen by it."""
        name = self._asked(pdfium.FPDFAnnot_GetFormFieldAlternateName)
        if not name:
            full = self._asked(pdfium.FPDFAnnot_GetFormFieldName)
            name = _NUMBERED.sub("", full.rpartition(".")[2])
        choice = self._asked(pdfium.FPDFAnnot_GetFormFieldExportValue) if of_choice else ""
        return name if choice.casefold() in _SAYS_NOTHING or choice.isdigit() else f"{name}: {choice}"

    def _chosen(self) -> list[str]:
        form = self.pdf.formenv
        number = min(pdfium.FPDFAnnot_GetOptionCount(form, self.raw), MOST_OPTIONS)
        return [
            _utf16(partial(pdfium.FPDFAnnot_GetOptionLabel, form, self.raw, at))
            for at in range(number)
            if pdfium.FPDFAnnot_IsOptionSelected(form, self.raw, at)
        ]

    def _told(self, key: str) -> str:
        return _utf16(partial(pdfium.FPDFAnnot_GetStringValue, self.raw, key.encode()))

    def _asked(self, function: Callable[..., int]) -> str:
        return _utf16(partial(function, self.pdf.formenv, self.raw))

    def _box(self) -> Box:
        told: Any = pdfium.FS_RECTF()
        pdfium.FPDFAnnot_GetRect(self.raw, told)
        (left, right), (bottom, top) = sorted((told.left, told.right)), sorted((told.bottom, told.top))
        return Box(left, bottom, right, top)

    def _parts(self) -> tuple[Box, ...]:
        """The lines it lies over; the whole box where they are not told."""
        parts = []
        for at in range(min(pdfium.FPDFAnnot_CountAttachmentPoints(self.raw), MOST_PARTS)):
            told: Any = pdfium.FS_QUADPOINTSF()
            if pdfium.FPDFAnnot_GetAttachmentPoints(self.raw, at, told):
                across = (told.x1, told.x2, told.x3, told.x4)
                over = (told.y1, told.y2, told.y3, told.y4)
                parts.append(Box(min(across), min(over), max(across), max(over)))
        return tuple(parts) or (self._box(),)


def _utf16(ask: Callable[..., int]) -> str:
    """What PDFium tells into a buffer, first how long it is, in UTF-16 with a zero at its end."""
    length = min(ask(None, 0), LONGEST)
    if length <= len("\0".encode("utf-16-le")):
        return ""
    buffer = ctypes.create_string_buffer(length)
    ask(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), length)
    return (
        buffer.raw.decode("utf-16-le", "replace").partition("\0")[0].replace("\r\n", "\n").replace("\r", "\n").strip()
    )
