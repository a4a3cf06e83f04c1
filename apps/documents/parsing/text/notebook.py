"""Jupyter notebooks (.ipynb), of format 4 and, with worksheets, of format 3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.text.json_values import load_json
from apps.documents.parsing.text.markdown import MarkdownWriter
from apps.documents.parsing.text.terminal import last_states, shown
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.web.html_text import write_html

LONGEST_OUTPUT = 2_000
LONGEST_RICH_OUTPUT = 100_000
ERRORS = frozenset({"error", "pyerr"})
# The forms of an output in format 3, which stand beside its type.
_OLD_FORMS = ("html", "markdown")
MOST_CELLS = 20_000


class NotebookParser:
    """Takes cell after cell: Markdown as text with headings, code as it is, and what a cell put out, errors too."""

    name = "ipynb"
    types = frozenset({DocumentType.NOTEBOOK})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section or more a cell; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        notebook = load_json(decode(read_bytes(path, limits)), limits=limits)
        writer = _Writer(DocumentBuilder(limits))
        for count, (pointer, cell) in enumerate(_cells(notebook), start=1):
            if count > MOST_CELLS:
                raise TooLargeError(f"The notebook has more than {MOST_CELLS:,} cells.")
            writer.write(pointer, cell)
        return writer.builder.finish(metadata=_metadata(notebook))


def _cells(notebook: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each cell with its JSON pointer; DamagedFileError when this is no notebook."""
    if isinstance(notebook, dict) and isinstance(notebook.get("cells"), list):
        holders = {"/cells": notebook["cells"]}
    elif isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        sheets = enumerate(notebook["worksheets"])
        holders = {f"/worksheets/{at}/cells": sheet.get("cells") for at, sheet in sheets if isinstance(sheet, dict)}
    else:
        raise DamagedFileError("The file is JSON, but no notebook: it has no list of cells.")
    for start, cells in holders.items():
        for index, cell in enumerate(cells if isinstance(cells, list) else []):
            if isinstance(cell, dict):
                yield f"{start}/{index}", cell


def _metadata(notebook: dict[str, Any]) -> dict[str, str]:
    metadata = notebook.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return {"language": language} if isinstance(language, str) else {}


def _joined(lines: Any) -> str:
    """Text that the format keeps as one string or as a list of lines."""
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""


class _Writer:
    """Hands the words of cells to the builder."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self._markdown = MarkdownWriter()

    def write(self, pointer: str, cell: dict[str, Any]) -> None:
        self.builder.place(Place(PlaceKind.POINTER, label=pointer))
        source = _joined(cell.get("source", cell.get("input")))
        match cell.get("cell_type"):
            case "markdown":
                self._markdown.write(source, self.builder)
            case "heading":
                level = str(cell.get("level"))
                self.builder.heading(int(level) if level.isdecimal() else 1, source)
            case _:
                self.builder.block(source)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if isinstance(output, dict):
                self._write_output(output)

    def _write_output(self, output: dict[str, Any]) -> None:
        """What a reader of the notebook sees of an output: rich text before plain text, and all of an error's words."""
        data = output.get("data")
        forms = data if isinstance(data, dict) else {f"text/{name}": output.get(name) for name in _OLD_FORMS}
        if output.get("output_type") in ERRORS:
            self.builder.block(_error_text(output))
        elif not self._write_rich(forms):
            self.builder.block(_terminal_text(_joined(forms.get("text/plain")) or _joined(output.get("text"))))

    def _write_rich(self, forms: dict[str, Any]) -> bool:
        """Writes the output's HTML and Markdown; False where no words are in either."""
        before = self.builder.length
        try:
            write_html(_joined(forms.get("text/html"))[:LONGEST_RICH_OUTPUT], self.builder)
            self._markdown.write(_joined(forms.get("text/markdown"))[:LONGEST_RICH_OUTPUT], self.builder)
        except DamagedFileError:
            return False
        return self.builder.length > before


def _error_text(output: dict[str, Any]) -> str:
    """The error's name and words, and below them how it came about."""
    name, words = (value if isinstance(value, str) else "" for value in (output.get("ename"), output.get("evalue")))
    summary = ": ".join(filter(None, (name, words)))
    lines = output.get("traceback")
    traceback = "\n".join(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ""
    trace = _terminal_text(traceback)
    return trace if trace.strip() == summary else f"{summary}\n{trace}"


def _terminal_text(text: str) -> str:
    """What a terminal shows in the end; of a long text the beginning and the end, where the result stands."""
    plain = last_states(shown(text))
    if len(plain) <= LONGEST_OUTPUT:
        return plain
    half = LONGEST_OUTPUT // 2
    return f"{plain[:half].rstrip()}\n…\n{plain[-half:].lstrip()}"
