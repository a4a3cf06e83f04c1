"""Words inside the drawings of office documents: text bodies, tables, charts and diagrams (ECMA-376, part 1, ch. 21)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from apps.documents.parsing.building import table_row
from apps.documents.parsing.office.equations import equation_text
from apps.documents.parsing.office.opc import relation_key
from apps.documents.parsing.scripts import Run, Script, written
from apps.documents.parsing.symbols import bare_private, is_symbol_font, symbols
from apps.documents.parsing.tabular.spans import Cell, table_rows
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name, words

_YES = frozenset({"1", "true"})
Targets = Mapping[str, str]
"""Where links lead, by the keys of their relations."""
NOWHERE: Targets = {}
MOST_COLUMNS = 100


def paragraph_text(paragraph: etree._Element, targets: Targets = NOWHERE, *, target: str = "") -> str:
    """The words of a paragraph; its line breaks are newlines. `target` is where all of it leads."""
    return written(_runs(paragraph, targets, target)).strip()


def paragraph_texts(parent: etree._Element, targets: Targets = NOWHERE) -> list[str]:
    """The words of each paragraph anywhere below `parent` that has some."""
    return [text for paragraph in descendants(parent, "p") if (text := paragraph_text(paragraph, targets))]


def _runs(paragraph: etree._Element, targets: Targets, target: str) -> Iterator[Run]:
    for element in paragraph:
        match local_name(element):
            case "r" | "fld":
                yield _run(element, targets, target)
            case "br":
                yield Run("\n", target=target)
            case "m":
                yield Run(equation_text(element))
            case "AlternateContent":
                yield from (run for choice in children(element, "Choice") for run in _runs(choice, targets, target))


def _run(element: etree._Element, targets: Targets, target: str) -> Run:
    text, properties = words(child(element, "t")), child(element, "rPr")
    if properties is None:
        return Run(text, target=target)
    link = child(properties, "hlinkClick")
    baseline = properties.get("baseline", "0").rstrip("%")
    script = Script.LEVEL if baseline.strip("-0.") == "" else Script.LOWERED if baseline[0] == "-" else Script.RAISED
    font = attribute(child(properties, "sym"), "typeface") or attribute(child(properties, "latin"), "typeface")
    shown = symbols(text, font) if is_symbol_font(font) else text if text.isascii() else bare_private(text)
    return Run(shown, script, target=targets.get(relation_key(link), "") if link is not None else target)


def table_lines(table: etree._Element, targets: Targets = NOWHERE) -> Iterator[str]:
    """The rows of a table as lines."""
    rows = [_cells(row, targets) for row in children(table, "tr")]
    shown = [row for row in rows if any(cell.text for cell in row)]
    for texts in table_rows(shown) if shown else ():
        yield table_row(texts)


def _cells(row: etree._Element, targets: Targets) -> list[Cell]:
    cells = []
    for cell in children(row, "tc"):
        if attribute(cell, "hMerge") in _YES:
            continue  # The cell before spans it.
        text = " ".join(" ".join(paragraph_texts(cell, targets)).split())
        span = attribute(cell, "gridSpan")
        columns = min(max(int(span), 1), MOST_COLUMNS) if span.isdecimal() else 1
        cells.append(Cell(text, columns, continues=attribute(cell, "vMerge") in _YES))
    return cells


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
