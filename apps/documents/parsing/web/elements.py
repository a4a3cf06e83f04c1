"""What the elements of an HTML page are: blocks, parts that no reader sees, tables that only arrange the page, code."""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree

from apps.documents.parsing.symbols import is_symbol_font

HEADING_LEVELS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# Not text, not shown, or (nav) links to other places. `annotation` repeats a formula in another notation; `rp` are
# parentheses for browsers that put no reading above a word.
_DROPPED_NAMES = (
    "head script style template noscript noframes iframe object svg canvas audio video nav datalist"
    " annotation annotation-xml rp"
)
_BLOCK_NAMES = (
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html legend li main menu ol p pre search section summary table tbody td"
    " tfoot th thead tr ul"
)
LONGEST_UNMARKED_CODE = 100  # lines
# Beside code: numbers that some pages put before its lines. Beside a formula: its signs once more, laid out.
REPEATING = frozenset({"linenos", "lineno", "gutter", "katex-html"})
DROPPED = frozenset(_DROPPED_NAMES.split())
BLOCKS = frozenset(_BLOCK_NAMES.split())
CELLS = frozenset({"td", "th"})
LISTS = frozenset({"ul", "ol", "menu"})
# What the parts of a formula (MathML) are, by what they are part of and their place in it.
_PARTS = {
    "msup": {1: "sup"},
    "msub": {1: "sub"},
    "msubsup": {1: "sub", 2: "sup"},
    "munder": {1: "sub"},
    "mover": {1: "sup"},
    "munderover": {1: "sub", 2: "sup"},
    "mfrac": {0: "numerator", 1: "denominator"},
}
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_FONT = re.compile(r"font(?:-family)?\s*:[^;]*?\b((?:wing|web)dings(?: [23])?|symbol)\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source)-([\w+#.-]{1,20})(?=\s|$)")


def is_dropped(element: etree._Element) -> bool:
    """Whether a reader of the page doesn't see the element."""
    if element.tag in DROPPED or element.get("hidden") is not None:
        return True
    names = element.get("class") if element.tag in {"td", "span"} else None
    if names and REPEATING.intersection(names.split()):
        return True
    style = element.get("style")
    return style is not None and _HIDDEN_STYLE.search(style) is not None


def is_layout(table: etree._Element) -> bool:
    """Whether a table only arranges the page: its cells hold headings, further tables, or code beside line numbers."""
    inner = next(table.iterdescendants("table", *HEADING_LEVELS), None)
    if inner is None and next(table.iterdescendants("pre"), None) is not None:
        return len(list(islice(table.iterdescendants("tr"), 2))) == 1
    return inner is not None or table.get("role") in {"presentation", "none"}


def is_code(pre: etree._Element) -> bool:
    """Whether preformatted text is code, or at least as short as code is: some pages are one text file within `pre`."""
    if next(pre.iterdescendants(*HEADING_LEVELS), None) is not None:
        return False
    is_marked = next(pre.iterdescendants("code", "samp", "kbd"), None) is not None
    return is_marked or sum(str(text).count("\n") for text in pre.itertext()) <= LONGEST_UNMARKED_CODE


def language(code: etree._Element) -> str:
    """The language that the page names for the code, by the class of the element itself or of the first one in it."""
    named = (_LANGUAGE.search(element.get("class", "")) for element in [code, *code.iterchildren("code")][:2])
    return next((found[1] for found in named if found), "")


def part_of_formula(element: etree._Element) -> str:
    """What a part of a formula is: "sup" or "sub" off the line, "numerator" or "denominator", "root", or "" on the line."""
    if element.tag in {"msqrt", "mroot"}:
        return "root"
    parent = element.getparent()
    places = None if parent is None else _PARTS.get(str(parent.tag))
    return places.get(parent.index(element), "") if places and parent is not None else ""


def symbol_font(element: etree._Element) -> str:
    """The typeface of signs in which the element's letters are shown; "" where it is none."""
    face, style = element.get("face"), element.get("style")
    if face:
        return face if is_symbol_font(face) else ""
    found = _FONT.search(style) if style else None
    return found[1] if found else ""
