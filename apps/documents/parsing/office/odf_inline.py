"""The words of one OpenDocument paragraph, with links, notes' marks, ruby, and raised and lowered text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from apps.documents.parsing.office.odf_styles import PLAIN, Look, Styles
from apps.documents.parsing.scripts import Run, Script, written
from apps.documents.parsing.symbols import bare_private, is_symbol_font, symbols
from apps.documents.parsing.xml_elements import attribute, child, local_name, words

MOST_SPACES = 100
# Deleted text, lists of the headings, settings, and who wrote a note when.
NOT_SHOWN = frozenset(
    {"tracked-changes", "table-of-content", "forms", "sequence-decls", "creator", "date", "note-citation", "number"}
    | {"creator-initials", "meta-creator-initials", "sender-initials"}
)
# What stands beside a paragraph: it is written after it.
ASIDES = frozenset({"note", "annotation", "text-box", "table"})
_WHITESPACE = re.compile(r"[ \t\r\n]+")


def inline_text(parent: etree._Element, styles: Styles) -> str:
    """The words of a paragraph, with whitespace as the format counts it; what stands beside it is left out."""
    look = styles.look(attribute(parent, "style-name"))
    return written(_runs(parent, styles, look, target="")).strip()


def note_mark(note: etree._Element) -> str:
    """The mark that a note has in the text."""
    return words(child(note, "note-citation")).strip()


def _runs(parent: etree._Element, styles: Styles, look: Look, *, target: str) -> Iterator[Run]:
    if parent.text:
        yield _run(_WHITESPACE.sub(" ", parent.text), look, target)
    for element in parent:
        yield from _inline(element, styles, look, target=target)
        if element.tail:
            yield _run(_WHITESPACE.sub(" ", element.tail), look, target)


def _inline(element: etree._Element, styles: Styles, look: Look, *, target: str) -> Iterator[Run]:
    match local_name(element):
        case "s":
            count = attribute(element, "c")
            yield _run(" " * min(int(count) if count.isdecimal() else 1, MOST_SPACES), look, target)
        case "tab":
            yield _run("\t", look, target)
        case "line-break":
            yield _run("\n", look, target)
        case "span":
            yield from _runs(
                element, styles, _within(look, styles.look(attribute(element, "style-name"))), target=target
            )
        case "a":
            yield from _runs(element, styles, look, target=attribute(element, "href"))
        case "ruby":
            base = child(element, "ruby-base")
            text = "" if base is None else "".join(map(str, base.itertext()))
            yield Run(text, reading=words(child(element, "ruby-text")), target=target)
        case "note":
            yield Run(note_mark(element), Script.RAISED)
        case name if name and name not in NOT_SHOWN | ASIDES:
            yield from _runs(element, styles, look, target=target)


def _within(outer: Look, inner: Look) -> Look:
    if inner is PLAIN or outer == inner:
        return outer
    script = inner.script if inner.script is not Script.LEVEL else outer.script
    return Look(script, inner.font or outer.font, outer.is_hidden or inner.is_hidden)


def _run(text: str, look: Look, target: str) -> Run:
    if look.is_hidden:
        return Run("")
    if look.font and is_symbol_font(look.font):
        text = symbols(text, look.font)
    return Run(text if text.isascii() else bare_private(text), look.script, target=target)
