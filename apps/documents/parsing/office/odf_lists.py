"""The lists of an OpenDocument file: how deep the text is in them, and what stands before their items.

ISO/IEC 26300, part 3, sections 5.3 and 19.880.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lxml import etree

from apps.documents.parsing.office.odf_styles import ListCount, Styles
from apps.documents.parsing.xml_elements import attribute, child, local_name, words


@dataclass(slots=True)
class _Open:
    """A list that the text is in, and its item, until the first paragraph has taken the item's number."""

    style: str
    count: ListCount
    item: etree._Element | None = None
    is_item: bool = False


class OdfLists:
    """Where the text stands in lists; counts go on where a list says so."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._open: list[_Open] = []
        self._by_id: dict[str, ListCount] = {}
        self._by_style: dict[str, ListCount] = {}

    @property
    def is_inside(self) -> bool:
        return bool(self._open)

    @property
    def is_in_item(self) -> bool:
        """Whether the words belong to an item rather than stand above the list."""
        return bool(self._open) and self._open[-1].is_item

    @property
    def depth(self) -> int:
        """How deep the innermost list lies, from 0."""
        return len(self._open) - 1

    @contextmanager
    def inside(self, element: etree._Element) -> Iterator[None]:
        """While the words of this list are read."""
        style = attribute(element, "style-name") or (self._open[-1].style if self._open else "")
        count = self._open[-1].count if self._open else self._count(element, style)
        self._open.append(_Open(style, count))
        yield
        self._open.pop()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """While words are read that lie in no list, although they are anchored in one."""
        kept, self._open = self._open, []
        yield
        self._open = kept

    def begin_item(self, item: etree._Element) -> None:
        """An item begins; a header of a list has no number."""
        if self._open:
            self._open[-1].is_item = local_name(item) == "list-item"
            self._open[-1].item = item if self._open[-1].is_item else None

    def mark(self, paragraph: etree._Element) -> str:
        """What stands before the paragraph: the number of its item, once, or nothing."""
        innermost = self._open[-1]
        item, innermost.item = innermost.item, None
        if item is None:
            return ""
        if not innermost.style:
            innermost.style = self._styles.list_of_paragraph(attribute(paragraph, "style-name")) or UNKNOWN
        mark = innermost.count.mark(self._styles, innermost.style, self.depth, start=attribute(item, "start-value"))
        return words(child(item, "number")).strip() or mark

    def _count(self, element: etree._Element, style: str) -> ListCount:
        """The count of a list that lies in no other: its own, or that of the one it goes on with."""
        count = self._by_id.get(attribute(element, "continue-list"))
        if count is None and attribute(element, "continue-numbering") == "true":
            count = self._by_style.get(style)
        count = count or ListCount()
        self._by_style[style] = count
        key = attribute(element, "id")
        if key:
            self._by_id[key] = count
        return count


UNKNOWN = "no style"
