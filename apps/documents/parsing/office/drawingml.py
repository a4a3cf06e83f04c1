"""Words inside the drawings of office documents: text bodies, tables, charts and diagrams (ECMA-376, part 1, ch. 21)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from apps.documents.parsing.building import table_row
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name, words


def paragraph_text(paragraph: etree._Element) -> str:
    """The words of a paragraph; its line breaks are newlines."""
    pieces = []
    for element in paragraph:
        match local_name(element):
            case "r" | "fld":
                pieces.append(words(child(element, "t")))
            case "br":
                pieces.append("\n")
    return "".join(pieces).strip()


def paragraph_texts(parent: etree._Element) -> list[str]:
    """The words of each paragraph anywhere below `parent` that has some."""
    return [text for text in map(paragraph_text, descendants(parent, "p")) if text]


def table_lines(table: etree._Element) -> Iterator[str]:
    """The rows of a table as lines."""
    for row in children(table, "tr"):
        cells = [" ".join(" ".join(paragraph_texts(cell)).split()) for cell in children(row, "tc")]
        if any(cells):
            yield table_row(cells)


def chart_lines(chart: etree._Element) -> Iterator[str]:
    """The titles of a chart and of its axes, then each series with its values."""
    for title in descendants(chart, "title"):
        text = " ".join(paragraph_texts(title)) or _cached(title)
        if text:
            yield text
    for series in descendants(chart, "ser"):
        yield from _series_lines(series)


def _series_lines(series: etree._Element) -> Iterator[str]:
    name = _cached(child(series, "tx"))
    categories = _points(child(series, "cat"))
    values = _points(child(series, "val"))
    shown = [f"{categories[at]}: {value}" if at in categories else value for at, value in values.items()]
    if shown:
        yield table_row([name, *shown] if name else shown)


def _cached(holder: etree._Element | None) -> str:
    return " ".join(_points(holder).values())


def _points(holder: etree._Element | None) -> dict[str, str]:
    """The values kept with the chart, by their index."""
    found = [] if holder is None else descendants(holder, "pt")
    return {attribute(point, "idx"): " ".join(words(child(point, "v")).split()) for point in found}
