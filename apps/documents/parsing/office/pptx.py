"""PowerPoint presentations (.pptx), of the transitional and of the strict kind of the standard (ECMA-376, part 1, ch. 19)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.office.drawingml import chart_lines, paragraph_text, paragraph_texts, table_lines
from apps.documents.parsing.office.opc import (
    addresses,
    all_relations,
    core_title,
    main_part,
    related,
    relation_key,
    relations,
)
from apps.documents.parsing.office.slide_comments import comment_texts
from apps.documents.parsing.office.slide_lists import SlideList
from apps.documents.parsing.office.slide_order import SHAPES, Box, Places, in_order, places_of
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
    """Takes slide after slide: its title as the heading, its shapes from top to bottom, speaker's notes and comments."""

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
            layouts = Layouts()
            for number, name in enumerate(slides, start=1):
                builder.leave_headings()
                builder.place(Place(PlaceKind.SLIDE, number))
                _Slide(archive, name, builder, layouts).write()
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

    def __init__(self, archive: XmlArchive, name: str, builder: DocumentBuilder, layouts: Layouts) -> None:
        self._archive = archive
        self._name = name
        self._related = all_relations(archive, name)
        self._targets = addresses(self._related)
        self._layouts = layouts
        self._builder = builder

    def write(self) -> None:
        tree = child(self._archive.part(self._name), "cSld", "spTree")
        if tree is not None:
            self._write_title(tree)
            self._write_shapes(tree)
        for notes in self._parts("notesSlide"):
            self._write_notes(notes)
        for text in comment_texts(self._archive, list(self._parts("comments"))):
            self._builder.block(text)

    def _parts(self, kind: str) -> Iterator[str]:
        return (relation.target for relation in self._related if relation.kind == kind and not relation.is_outside)

    def _write_title(self, tree: etree._Element) -> None:
        for shape in descendants(tree, "sp"):
            if _placeholder(shape) in TITLES:
                self._builder.heading(1, " ".join(paragraph_texts(shape)))

    def _write_shapes(self, parent: etree._Element) -> None:
        shapes = [shape for shape in parent if local_name(shape) in SHAPES]
        layout = next(self._parts("slideLayout"), "") if len(shapes) > 1 else ""
        for shape in in_order(shapes, self._layouts.places(self._archive, layout)):
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
        body = child(shape, "txBody")
        is_list = _placeholder(shape) in LISTS
        numbers = SlideList(body)
        paragraphs = list(children(body, "p"))
        target = self._shape_target(shape) if len(paragraphs) == 1 else ""
        for paragraph in paragraphs:
            text = paragraph_text(paragraph, self._targets, target=target)
            properties = child(paragraph, "pPr")
            level = attribute(properties, "lvl")
            depth = int(level) if level.isdecimal() else 0
            if not text:
                continue
            mark = numbers.mark(properties, depth, by_default=is_list)
            if mark:
                self._builder.line(f"{list_indent(depth)}{mark} {text}")
            else:
                self._builder.block(text)

    def _shape_target(self, shape: etree._Element) -> str:
        link = child(shape, "nvSpPr", "cNvPr", "hlinkClick")
        return self._targets.get(relation_key(link), "") if link is not None else ""

    def _write_graphic(self, frame: etree._Element) -> None:
        data = child(frame, "graphic", "graphicData")
        for element in [] if data is None else data:
            match local_name(element):
                case "tbl":
                    self._write_lines(table_lines(element, self._targets))
                case "chart":
                    self._write_lines(chart_lines(self._archive.part(self._target(attribute(element, "id")))))
                case "relIds":
                    self._write_lines(paragraph_texts(self._archive.part(self._target(attribute(element, "dm")))))

    def _write_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._builder.line(line)

    def _target(self, key: str) -> str:
        return next((one.target for one in self._related if one.key == key and not one.is_outside), key)

    def _write_notes(self, name: str) -> None:
        targets = addresses(all_relations(self._archive, name))
        for shape in descendants(self._archive.part(name), "sp"):
            if _placeholder(shape) in NOTES_BODY:
                for text in paragraph_texts(shape, targets):
                    self._builder.block(text)


class Layouts:
    """Where the layouts of a presentation have their placeholders; each is read when a slide asks for it."""

    def __init__(self) -> None:
        self._places: dict[str, Places] = {}

    def places(self, archive: XmlArchive, layout: str) -> Places:
        """The places of a layout; what it doesn't say, its master does."""
        if layout not in self._places:
            root = archive.xml(layout)
            masters = (
                [archive.xml(name) for name in related(archive, layout, "slideMaster")] if root is not None else []
            )
            found: dict[tuple[str, str], Box] = {}
            for part in (*masters, root):
                found |= places_of(part) if part is not None else {}
            self._places[layout] = found
        return self._places[layout]
