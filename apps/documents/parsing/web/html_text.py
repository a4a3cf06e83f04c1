"""The text of an HTML page, by one walk over its elements.

The walk is a loop, not a recursion, so that no depth of nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.cleaning import clean
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.scripts import with_target
from apps.documents.parsing.symbols import symbols
from apps.documents.parsing.types import FileLimits, ParsedDocument
from apps.documents.parsing.web.controls import SHOWING, follows_its_like, shown, stands_apart
from apps.documents.parsing.web.elements import (
    BLOCKS,
    CELLS,
    HEADING_LEVELS,
    LISTS,
    is_code,
    is_dropped,
    is_layout,
    language,
    part_of_formula,
    symbol_font,
)
from apps.documents.parsing.web.grids import Row, cell_of, grid
from apps.documents.parsing.web.inline import Words, Write, grouped, quotation, subscript, superscript
from apps.documents.parsing.web.numbering import BULLET, ListNumbers, numbers_of

# Before the address of a link whose words are blocks of their own.
ARROW = "→"
WRITTEN: dict[str, Write] = {"sup": superscript, "sub": subscript, "q": quotation}
_FORMULA: dict[str, Write] = {
    "sup": superscript,
    "sub": subscript,
    "numerator": lambda words, _before: grouped(words),
    "denominator": lambda words, _before: f"/{grouped(words)}",
    "root": lambda words, _before: f"√{grouped(words)}",
}
_RUBY_PARTS = frozenset({"rb", "rt", "rtc"})
_WITH_ENDS = _RUBY_PARTS | {"ruby", "math", "option"}
_SCHEME = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_FILE = re.compile(r"\.(?!(?:x?html?|php\d?|aspx?|jsp|cgi|md)$)[a-z0-9]{2,5}$", re.IGNORECASE)

TargetOf = Callable[[str], str]
"""Where a link's `href` leads, as it is to be shown; "" where it isn't."""


def page_target(href: str) -> str:
    """Full addresses, and files to fetch. Those of the site's other pages lead nowhere from here."""
    is_shown = _SCHEME.match(href) or _FILE.search(href.strip().partition("#")[0].partition("?")[0])
    return href if is_shown else ""


def full_target(href: str) -> str:
    """Full addresses. Those of a book's own pages lead nowhere outside the book."""
    return href if _SCHEME.match(href) else ""


def any_target(href: str) -> str:
    """All addresses. Texts name others of their folder by short ones."""
    return href


def parse_html(source: str, *, limits: FileLimits, title: str = "") -> ParsedDocument:
    """The document of an HTML page or fragment; its title is `title`, else the page's own, else its first heading.

    Raises EmptyTextError, TooLargeError, and DamagedFileError where nothing can be made of the markup.
    """
    builder = DocumentBuilder(limits)
    own_title = write_html(source, builder)
    return builder.finish(title=title or own_title)


def write_html(source: str, builder: DocumentBuilder, *, target_of: TargetOf = page_target) -> str:
    """Hands the words of a page or fragment to the builder; gives the page's title, or "".

    Behind the words of a link stands where it leads, as `target_of` says. Raises TooLargeError and DamagedFileError.
    """
    _check_length(source, builder.limits)
    root = _parse_tree(clean(source))
    if root is None:
        return ""
    walk = _Walk(builder, target_of, room=builder.limits.max_values)
    # What comes behind the page's end, such as what mail servers write below messages, is a further root.
    for part in (root, *root.itersiblings()):
        walk.run(part)
    return root.findtext("head/title") or ""


def _check_length(source: str, limits: FileLimits) -> None:
    # An element of HTML, with the text in it, takes about twice as much as one of XML.
    most = limits.max_values // 2
    if source.count("<") - source.count("</") > most:
        raise TooLargeError(f"The page has more than {most:,} elements.")


def _parse_tree(source: str) -> etree._Element | None:
    """The page's root; None where nothing but comments is in it."""
    if not source.strip():
        return None
    # huge_tree lifts libxml2's limit from 256 levels to 2,048; it drops what lies deeper and only notes it in a log.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(source.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise DamagedFileError(f"The file can't be read as HTML: {error.msg}.") from error
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise DamagedFileError("The page's elements are nested so deeply that the rest of it can't be read.")
    return root


@dataclass(slots=True)
class _Walk:
    """Where the walk stands: the words since the last block's end, and the lists and the table it is inside.

    `room` is how many cells of tables may still come.
    """

    builder: DocumentBuilder
    target_of: TargetOf
    room: int
    words: Words = field(default_factory=Words)
    lists: list[ListNumbers] = field(default_factory=list)
    bullet: str = ""
    code: etree._Element | None = None
    table: etree._Element | None = None
    rows: list[Row] = field(default_factory=list)
    heading_targets: list[str] | None = None
    is_in_cell: bool = False
    is_in_formula: bool = False

    def run(self, root: etree._Element) -> None:
        walker = etree.iterwalk(root, events=("start", "end"))
        skipped: etree._Element | None = None
        for event, element in walker:
            if event == "start":
                if is_dropped(element):
                    walker.skip_subtree()
                    skipped = element
                else:
                    self._enter(element)
                continue
            if element is not skipped:
                self._end(element)
            tail = element.tail
            if tail:
                self.words.add(tail)
        self._end_block()

    def _enter(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in BLOCKS:
            self._end_block()
            if self.code is None:
                self._enter_block(element)
        elif tag == "br":
            self.words.put("\n")
        elif self.code is None:
            self._enter_inline(element)
        text = element.text
        if text:
            self.words.add(text)

    def _enter_block(self, element: etree._Element) -> None:
        match element.tag:
            case "table" if self.table is None and not is_layout(element):
                self.table, self.rows = element, []
            case "tr" if self.table is not None:
                self.rows.append(Row.of(element))
            case "td" | "th":
                self.is_in_cell = self.table is not None
            case "ul" | "ol" | "menu":
                self.lists.append(numbers_of(element))
            case "li":
                self._enter_item(element)
            case "pre":
                is_outermost = not self.words.preformatted and not self.is_in_cell
                self.code = element if is_outermost and is_code(element) else None
                self.words.preformatted += 1
            case tag if tag in HEADING_LEVELS and self._is_free():
                self.heading_targets = []
        if element.get("aria-checked") is not None:
            self._show(element)

    def _enter_item(self, element: etree._Element) -> None:
        mark = self.lists[-1].mark(element) if self.lists else BULLET
        if self.is_in_cell:
            self.words.put(f"{mark} " if mark != BULLET else "")
        else:
            self.bullet = f"{list_indent(max(0, len(self.lists) - 1))}{mark} "

    def _enter_inline(self, element: etree._Element) -> None:
        tag = str(element.tag)
        last = self.words.last()
        if last and not last.isspace() and self._is_apart(element, last):
            self.words.gap()
        if tag == "img":
            self._put_apart(element.get("alt", "").strip())
        elif tag == "area":
            self._put_apart(with_target(element.get("alt", "").strip(), self.target_of(element.get("href", ""))))
        elif tag == "ruby":
            self.words.begin_ruby()
        elif tag in _RUBY_PARTS:
            self.words.ruby_part(tag, is_end=False)
        elif tag in SHOWING or element.get("aria-checked") is not None:
            self._show(element)
        elif tag in WRITTEN or tag in {"a", "math"} or self.is_in_formula:
            self._begin_written(element, tag)
        elif tag in {"span", "font"}:
            font = symbol_font(element)
            if font:
                self.words.begin(element, lambda words, _before: symbols(words, font))

    def _is_apart(self, element: etree._Element, last: str) -> bool:
        return stands_apart(element) or follows_its_like(element, is_in_cell=self.is_in_cell, last=last)

    def _show(self, element: etree._Element) -> None:
        """Puts what a control shows without having it as its text."""
        text = shown(element)
        if text:
            self._put_apart(text)
        elif element.tag == "option":
            self._end_block()

    def _put_apart(self, text: str) -> None:
        if text:
            self.words.gap()
            self.words.put(text)
            self.words.gap()

    def _begin_written(self, element: etree._Element, tag: str) -> None:
        """From here on an inline element's words are not written as they stand."""
        if tag == "math":
            self.is_in_formula = True
        target = self.target_of(element.get("href", "")) if tag == "a" else ""
        if target:
            self.words.begin(element, lambda words, _before: self._linked(words, target))
        write = WRITTEN.get(tag) or (_FORMULA.get(part_of_formula(element)) if self.is_in_formula else None)
        if write is not None:
            self.words.begin(element, write)

    def _linked(self, words: str, target: str) -> str:
        """The words of a link with its address; that of one in a heading stands below the heading."""
        linked = with_target(words, target)
        if linked == words:
            return words
        if self.heading_targets is None:
            self.words.gap()
            return linked
        self.heading_targets.append(target)
        return words

    def _end(self, element: etree._Element) -> None:
        if self.code is not None:
            self._end_in_code(element)
        elif element.tag in BLOCKS:
            self._end_of_block(element)
        else:
            self._end_of_inline(element)

    def _end_of_inline(self, element: etree._Element) -> None:
        tag = str(element.tag)
        if tag in _WITH_ENDS:
            self._end_special(element, tag)
        if self.words.marks and not self.words.end(element) and tag == "a":
            self._point_to(self.target_of(element.get("href", "")))
        if not (element.tail or "x")[0].isspace() and stands_apart(element):
            self.words.gap()

    def _end_special(self, element: etree._Element, tag: str) -> None:
        if tag == "ruby":
            self.words.leave_ruby()
        elif tag == "math":
            self.is_in_formula = False
        elif tag == "option":
            if not shown(element):
                self._end_block()
        else:
            self.words.ruby_part(tag, is_end=True)

    def _point_to(self, target: str) -> None:
        """The address of a link around whole blocks, below them."""
        shown_target = with_target(ARROW, target)
        if shown_target != ARROW:
            self.words.put(shown_target)

    def _end_of_block(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in HEADING_LEVELS and self._is_free():
            self._end_heading(HEADING_LEVELS[tag])
        elif tag in CELLS and self.is_in_cell:
            self._end_cell(element)
        else:
            self._end_block()
        if tag in LISTS:
            self.lists.pop()
        elif tag == "li":
            self.bullet = ""
        elif tag == "pre":
            self.words.preformatted -= 1
        elif element is self.table:
            self._end_table()

    def _is_free(self) -> bool:
        return not self.lists and not self.is_in_cell

    def _end_heading(self, level: int) -> None:
        targets, self.heading_targets = self.heading_targets, None
        self.builder.heading(level, self.words.take())
        for target in targets or ():
            self.builder.block(with_target(ARROW, target))

    def _end_cell(self, element: etree._Element) -> None:
        self.is_in_cell = False
        if not self.rows:
            self.rows.append(Row())
        self.rows[-1].cells.append(cell_of(element, self.words.take_line()))

    def _end_table(self) -> None:
        table = grid(self.rows, room=self.room)
        self.room -= table.cells
        self.table, self.rows = None, []
        for caption in table.captions:
            self.builder.block(caption)
        for row in table.rows:
            self.builder.line(table_row(row))

    def _end_in_code(self, element: etree._Element) -> None:
        """Blocks within code are lines of it."""
        if element is self.code:
            self._end_code(element)
        elif element.tag in BLOCKS:
            self._end_block()

    def _end_code(self, element: etree._Element) -> None:
        code = self.words.take()
        self.code, self.words.preformatted = None, 0
        if self.bullet and code.strip():
            self.builder.line(self.bullet.rstrip())
            self.bullet = ""
        self.builder.code(code, language=language(element))

    def _end_block(self) -> None:
        if self.code is not None:
            self.words.end_line()
            return
        if self.is_in_cell:
            self.words.put(" ")
            return
        text = self.words.take()
        if not text.strip():
            return
        if self.lists:
            self.builder.line(self.bullet + text)
            self.bullet = ""
        else:
            self.builder.block(text)
