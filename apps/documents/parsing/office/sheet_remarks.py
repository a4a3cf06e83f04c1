"""What lies over a sheet of an Excel workbook: comments, text boxes, charts."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.office.drawingml import chart_lines, paragraph_texts
from apps.documents.parsing.office.opc import related
from apps.documents.parsing.scripts import Run, Script, written
from apps.documents.parsing.types import Place, PlaceKind
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name, words

_SCRIPTS = {"superscript": Script.RAISED, "subscript": Script.LOWERED}
# What Excel puts into the comment itself, for programs that don't know conversations.
_THREADED = "[Threaded comment]"


def rich_text(element: etree._Element | None) -> str:
    """The words of a text, which may come in runs; the phonetic guide to Japanese words is no part of it."""
    if element is None:
        return ""
    runs = [Run(words(child(run, "t")), _script(run)) for run in children(element, "r")]
    direct = "".join(map(words, children(element, "t")))
    return direct + written(runs) if runs else direct


def write_remarks(archive: XmlArchive, sheet: str, part: str, builder: DocumentBuilder) -> None:
    """Hands the words over the sheet to the builder, each comment with its cell and its author."""
    lines = list(_remarks(archive, part))
    if lines:
        builder.place(Place(PlaceKind.SHEET, label=sheet))
        builder.under(sheet)
    for line in lines:
        builder.line(line)


def _remarks(archive: XmlArchive, part: str) -> Iterator[str]:
    for name in related(archive, part, "comments"):
        root = archive.part(name)
        authors = [words(author) for author in descendants(root, "author")]
        for comment in descendants(root, "comment"):
            yield from _comment(comment, authors)
    yield from _conversations(archive, part)
    for name in related(archive, part, "drawing"):
        for shape in archive.part(name).iter():
            if local_name(shape) == "txBody":
                yield from paragraph_texts(shape)
        for chart in related(archive, name, "chart"):
            yield from chart_lines(archive.part(chart))


def _comment(comment: etree._Element, authors: list[str]) -> Iterator[str]:
    text = rich_text(child(comment, "text")).strip()
    at = attribute(comment, "authorId")
    author = authors[int(at)] if at.isdecimal() and int(at) < len(authors) else ""
    if text and not text.startswith(_THREADED):
        # Excel begins a comment with its author's name.
        yield _remark(attribute(comment, "ref"), "" if text.startswith(author) else author, text)


def _conversations(archive: XmlArchive, part: str) -> Iterator[str]:
    names = list(related(archive, part, "threadedComment"))
    for name in names:
        people = _people(archive)
        for comment in descendants(archive.part(name), "threadedComment"):
            text = words(child(comment, "text")).strip()
            yield _remark(attribute(comment, "ref"), people.get(attribute(comment, "personId"), ""), text)


def _people(archive: XmlArchive) -> dict[str, str]:
    parts = [
        archive.part(name) for name in sorted(archive.names) if name.startswith("xl/persons/") and name.endswith(".xml")
    ]
    return {
        attribute(one, "id"): attribute(one, "displayName") for part in parts for one in descendants(part, "person")
    }


def _remark(cell: str, author: str, text: str) -> str:
    return f"{cell}: {f'{author}: ' if author else ''}{text}"


def _script(run: etree._Element) -> Script:
    return _SCRIPTS.get(attribute(child(run, "rPr", "vertAlign")), Script.LEVEL)
