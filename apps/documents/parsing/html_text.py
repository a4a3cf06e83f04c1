"""The text of an HTML page, by one walk over its elements.

The walk is a loop, not a recursion, so that no depth of nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.characters import clean
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.types import Limits, ParsedDocument

HEADING_LEVELS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# Not text, not shown, or (nav) links to other places. `annotation` repeats a formula in another notation.
_DROPPED_NAMES = (
    "head script style template noscript noframes iframe object svg canvas audio video nav datalist"
    " annotation annotation-xml"
)
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html legend li main menu ol option p pre search section summary table tbody td"
    " tfoot th thead tr ul"
)
DROPPED = frozenset(_DROPPED_NAMES.split())
BLOCKS = frozenset(_BLOCK_NAMES.split())
CELLS = frozenset({"td", "th"})
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
# The whitespace that HTML collapses; a no-break space is not among it.
_WHITESPACE = re.compile(r"[ \t\n\r\f]+")
_LINE_EDGE = re.compile(r" *\n *")


def parse_html(source: str, *, limits: Limits, title: str = "") -> ParsedDocument:
    """The document of an HTML page or fragment; its title is `title`, else the page's own, else its first heading.

    Raises EmptyTextError, TooLargeError, and DamagedFileError where nothing can be made of the markup.
    """
    builder = DocumentBuilder(limits)
    own_title = write_html(source, builder)
    return builder.finish(title=title or own_title)


def write_html(source: str, builder: DocumentBuilder) -> str:
    """Hands the words of a page or fragment to the builder; gives the page's title, or "".

    Raises TooLargeError and DamagedFileError.
    """
    _check_length(source, builder.limits)
    root = _parse_tree(clean(source))
    if root is None:
        return ""
    _Walk(builder=builder).run(root)
    return root.findtext("head/title") or ""


def _check_length(source: str, limits: Limits) -> None:
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


def _is_dropped(element: etree._Element) -> bool:
    if element.tag in DROPPED or element.get("hidden") is not None:
        return True
    return _HIDDEN_STYLE.search(element.get("style", "")) is not None


def _is_layout(table: etree._Element) -> bool:
    """Whether a table only arranges the page: its cells hold headings or further tables."""
    inner = next(table.iter("table", *HEADING_LEVELS), None)
    if inner is table:
        inner = next(table.iterdescendants("table", *HEADING_LEVELS), None)
    return inner is not None or table.get("role") in {"presentation", "none"}


@dataclass(slots=True)
class _List:
    is_ordered: bool
    items: int = 0


@dataclass(slots=True)
class _Walk:
    """Where the walk stands: the words since the last block's end, and the lists and the table it is inside."""

    builder: DocumentBuilder
    words: list[str] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    bullet: str = ""
    preformatted: int = 0
    table: etree._Element | None = None
    cells: list[str] = field(default_factory=list)
    is_in_cell: bool = False

    def run(self, root: etree._Element) -> None:
        walker = etree.iterwalk(root, events=("start", "end"))
        for event, element in walker:
            if event == "end":
                self._leave(element)
            elif _is_dropped(element):
                walker.skip_subtree()
            else:
                self._enter(element)
        self._end_block()

    def _enter(self, element: etree._Element) -> None:
        if element.tag in BLOCKS:
            self._end_block()
        match element.tag:
            case "table" if self.table is None and not _is_layout(element):
                self.table = element
            case "td" | "th":
                self.is_in_cell = self.table is not None
            case "ul" | "ol" | "menu":
                self.lists.append(_List(is_ordered=element.tag == "ol"))
            case "li":
                self.bullet = self._next_bullet()
            case "pre":
                self.preformatted += 1
            case "br":
                self.words.append("\n")
            case "img":
                self.words.append(f" {element.get('alt', '')} ")
        self._add(element.text)

    def _leave(self, element: etree._Element) -> None:
        if not _is_dropped(element):
            self._end(element)
        self._add(element.tail)

    def _end(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in HEADING_LEVELS and not self.lists and not self.is_in_cell:
            self.builder.heading(HEADING_LEVELS[tag], self._take())
        elif tag in CELLS and self.is_in_cell:
            self.cells.append(" ".join(self._take().split()))
            self.is_in_cell = False
        elif tag in BLOCKS:
            self._end_block()
        match tag:
            case "tr":
                self._end_row()
            case "table" if element is self.table:
                self._end_row()
                self.table = None
            case "ul" | "ol" | "menu":
                self.lists.pop()
            case "li":
                self.bullet = ""
            case "pre":
                self.preformatted -= 1

    def _add(self, text: str | None) -> None:
        if text:
            self.words.append(text if self.preformatted else _WHITESPACE.sub(" ", text))

    def _next_bullet(self) -> str:
        if not self.lists:
            return "- "
        innermost = self.lists[-1]
        innermost.items += 1
        mark = f"{innermost.items}." if innermost.is_ordered else "-"
        return f"{list_indent(len(self.lists) - 1)}{mark} "

    def _take(self) -> str:
        text = "".join(self.words)
        self.words.clear()
        return text if self.preformatted else _LINE_EDGE.sub("\n", re.sub(" +", " ", text)).strip(" ")

    def _end_block(self) -> None:
        if self.is_in_cell:
            self.words.append(" ")
            return
        text = self._take()
        if not text.strip():
            return
        if self.lists:
            self.builder.line(self.bullet + text)
            self.bullet = ""
        else:
            self.builder.block(text)

    def _end_row(self) -> None:
        if any(self.cells):
            self.builder.line(table_row(self.cells))
        self.cells = []
