"""PowerPoint presentations (.pptx), of the transitional and of the strict kind of the standard (ECMA-376, part 1, ch. 19)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.office.drawingml import chart_lines, paragraph_text, paragraph_texts, table_lines
from apps.documents.parsing.office.opc import Relation, core_title, main_part, related, relation_key, relations
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name

TITLES = frozenset({"title", "ctrTitle"})
# The same on every slide: its number, the date, the margins.
MARGINS = frozenset({"sldNum", "dt", "ftr", "hdr"})
NOTES_BODY = frozenset({"body"})
# Placeholders whose paragraphs are list items unless they say otherwise.
LISTS = frozenset({"body", "obj", ""})
NO_PLACEHOLDER = "none"


class PptxParser:
    """Takes slide after slide: its title as the heading, then its shapes, and the speaker's notes."""

    name = "pptx"
    types = frozenset({DocumentType.PPTX})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section or more a slide.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            builder = DocumentBuilder(limits)
            slides = _slides(archive)
            if len(slides) > limits.max_pages:
                raise TooLargeError(f"There are {len(slides):,} slides; the most that is read is {limits.max_pages:,}.")
            for number, name in enumerate(slides, start=1):
                builder.leave_headings()
                builder.place(Place(PlaceKind.SLIDE, number))
                _Slide(archive, name, builder).write()
            return builder.finish(title=core_title(archive), metadata={"slides": str(len(slides))})


def _slides(archive: XmlArchive) -> list[str]:
    """The names of the slides' parts, as they are shown."""
    main = main_part(archive)
    targets = {relation.key: relation.target for relation in relations(archive, main) if relation.kind == "slide"}
    entries = children(child(archive.part(main), "sldIdLst"), "sldId")
    return [targets[key] for key in map(relation_key, entries) if key in targets]


def _placeholder(shape: etree._Element) -> str:
    """The kind of placeholder that the shape fills; "" for one without a kind."""
    for properties in children(shape, "nvSpPr"):
        place = child(properties, "nvPr", "ph")
        return attribute(place, "type") if place is not None else NO_PLACEHOLDER
    return NO_PLACEHOLDER


class _Slide:
    """Hands the words of one slide to the builder."""

    def __init__(self, archive: XmlArchive, name: str, builder: DocumentBuilder) -> None:
        self._archive = archive
        self._name = name
        self._relations: dict[str, Relation] = {relation.key: relation for relation in relations(archive, name)}
        self._builder = builder

    def write(self) -> None:
        tree = child(self._archive.part(self._name), "cSld", "spTree")
        if tree is not None:
            self._write_title(tree)
            self._write_shapes(tree)
        for notes in related(self._archive, self._name, "notesSlide"):
            self._write_notes(notes)

    def _write_title(self, tree: etree._Element) -> None:
        for shape in descendants(tree, "sp"):
            if _placeholder(shape) in TITLES:
                self._builder.heading(1, " ".join(paragraph_texts(shape)))

    def _write_shapes(self, parent: etree._Element) -> None:
        for shape in parent:
            match local_name(shape):
                case "sp" if _placeholder(shape) not in TITLES | MARGINS:
                    self._write_text(shape)
                case "grpSp":
                    self._write_shapes(shape)
                case "AlternateContent":
                    for choice in list(children(shape, "Choice"))[:1]:
                        self._write_shapes(choice)
                case "graphicFrame":
                    self._write_graphic(shape)

    def _write_text(self, shape: etree._Element) -> None:
        is_list = _placeholder(shape) in LISTS
        for paragraph in children(child(shape, "txBody"), "p"):
            text = paragraph_text(paragraph)
            properties = child(paragraph, "pPr")
            depth = attribute(properties, "lvl")
            if text and _is_list_item(properties, by_default=is_list):
                self._builder.line(f"{list_indent(int(depth) if depth.isdecimal() else 0)}- {text}")
            else:
                self._builder.block(text)

    def _write_graphic(self, frame: etree._Element) -> None:
        data = child(frame, "graphic", "graphicData")
        for element in [] if data is None else data:
            match local_name(element):
                case "tbl":
                    self._write_lines(table_lines(element))
                case "chart":
                    self._write_lines(chart_lines(self._archive.part(self._target(attribute(element, "id")))))
                case "relIds":
                    self._write_lines(paragraph_texts(self._archive.part(self._target(attribute(element, "dm")))))

    def _write_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._builder.line(line)

    def _target(self, key: str) -> str:
        relation = self._relations.get(key)
        return relation.target if relation else key

    def _write_notes(self, name: str) -> None:
        for shape in descendants(self._archive.part(name), "sp"):
            if _placeholder(shape) in NOTES_BODY:
                for text in paragraph_texts(shape):
                    self._builder.block(text)


def _is_list_item(properties: etree._Element | None, *, by_default: bool) -> bool:
    if child(properties, "buNone") is not None:
        return False
    has_mark = child(properties, "buChar") is not None or child(properties, "buAutoNum") is not None
    return by_default or has_mark
