"""The text of an HTML page, by one walk over its elements.

The walk is a loop, not a recursion, so that no depth of nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.cleaning import clean
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.types import FileLimits, ParsedDocument

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
LONGEST_UNMARKED_CODE = 100  # lines
# Beside code: numbers that some pages put before its lines.
LINE_NUMBERS = frozenset({"linenos", "lineno", "gutter"})
DROPPED = frozenset(_DROPPED_NAMES.split())
BLOCKS = frozenset(_BLOCK_NAMES.split())
CELLS = frozenset({"td", "th"})
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
# The whitespace that HTML collapses; a no-break space is not among it.
_WHITESPACE = re.compile(r"[ \t\n\r\f]+")
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source)-([\w+#.-]{1,20})(?=\s|$)")
_LINE_EDGE = re.compile(r" *\n *")


def parse_html(source: str, *, limits: FileLimits, title: str = "") -> ParsedDocument:
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


def _is_dropped(element: etree._Element) -> bool:
    if element.tag in DROPPED or element.get("hidden") is not None:
        return True
    if element.tag in {"td", "span"} and LINE_NUMBERS.intersection(element.get("class", "").split()):
        return True
    return _HIDDEN_STYLE.search(element.get("style", "")) is not None


def _is_layout(table: etree._Element) -> bool:
    """Whether a table only arranges the page: its cells hold headings, further tables, or code beside line numbers."""
    inner = next(table.iterdescendants("table", *HEADING_LEVELS), None)
    if inner is None and next(table.iterdescendants("pre"), None) is not None:
        return len(list(islice(table.iterdescendants("tr"), 2))) == 1
    return inner is not None or table.get("role") in {"presentation", "none"}


def _is_code(pre: etree._Element) -> bool:
    """Whether preformatted text is code, or at least as short as code is: some pages are one text file within `pre`."""
    if next(pre.iterdescendants(*HEADING_LEVELS), None) is not None:
        return False
    is_marked = next(pre.iterdescendants("code", "samp", "kbd"), None) is not None
    return is_marked or sum(str(text).count("\n") for text in pre.itertext()) <= LONGEST_UNMARKED_CODE


def _language(code: etree._Element) -> str:
    """The language that the page names for the code, by the class of the element itself or of the first one in it."""
    named = (_LANGUAGE.search(element.get("class", "")) for element in [code, *code.iterchildren("code")][:2])
    return next((found[1] for found in named if found), "")


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
    code: etree._Element | None = None
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
            case "br":
                self.words.append("\n")
            case _ if self.code is not None:
                pass  # What else marks code up is no part of it.
            case "table" if self.table is None and not _is_layout(element):
                self.table = element
            case "td" | "th":
                self.is_in_cell = self.table is not None
            case "ul" | "ol" | "menu":
                self.lists.append(_List(is_ordered=element.tag == "ol"))
            case "li":
                self.bullet = self._next_bullet()
            case "pre":
                is_outermost = not self.preformatted and not self.is_in_cell
                self.code = element if is_outermost and _is_code(element) else None
                self.preformatted += 1
            case "img":
                self.words.append(f" {element.get('alt', '')} ")
        self._add(element.text)

    def _leave(self, element: etree._Element) -> None:
        if not _is_dropped(element):
            self._end(element)
        self._add(element.tail)

    def _end(self, element: etree._Element) -> None:
        tag = element.tag
        if self.code is not None:
            self._end_in_code(element)
            return
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

    def _end_in_code(self, element: etree._Element) -> None:
        """Blocks within code are lines of it."""
        if element is self.code:
            self._end_code(element)
        elif element.tag in BLOCKS:
            self._end_block()

    def _end_code(self, element: etree._Element) -> None:
        code = "".join(self.words)
        self.words.clear()
        self.code, self.preformatted = None, 0
        if self.bullet and code.strip():
            self.builder.line(self.bullet.rstrip())
            self.bullet = ""
        self.builder.code(code, language=_language(element))

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
        if self.code is not None:
            if self.words and not self.words[-1].endswith("\n"):
                self.words.append("\n")
            return
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
