"""Source code and settings files: their lines as they are, in pieces that have their line numbers."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind

# A piece ends at the first blank line after so many lines, and without one after twice as many.
LINES_A_PIECE = 30
LONGEST_PIECE = 60
# Beyond this a tree of the code takes more memory than headings are worth.
MOST_PYTHON_CHARACTERS = 2_000_000
_LINE_ENDS = re.compile(r"\r\n?")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines `first` to `last` (from 1, inclusive) under the names of the definitions around them."""

    first: int
    last: int
    names: tuple[str, ...] = ()


class SourceCodeParser:
    """Takes code of any language, cut at blank lines."""

    name = "code"
    types = frozenset({DocumentType.CODE})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The code's lines; raises DamagedFileError, EmptyTextError and TooLargeError."""
        lines = _lines(path, limits)
        return _document(lines, [CodeBlock(1, len(lines))], limits)


class PythonParser:
    """Takes Python code with the names of its classes and functions as headings."""

    name = "python"
    types = frozenset({DocumentType.PYTHON})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The code's lines; code that can't be understood comes without headings.

        Raises DamagedFileError, EmptyTextError and TooLargeError.
        """
        lines = _lines(path, limits)
        return _document(lines, python_blocks("\n".join(lines), lines=len(lines)), limits)


def python_blocks(source: str, *, lines: int) -> list[CodeBlock]:
    """The blocks of a Python file with this many lines: each function, each method, and what lies between them."""
    if len(source) > MOST_PYTHON_CHARACTERS:
        return [CodeBlock(1, lines)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    # The parser reports nesting that is too deep for it as one of the last two.
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [CodeBlock(1, lines)]
    return list(_blocks(tree.body, first=1, last=lines, names=()))


def _blocks(body: Sequence[ast.stmt], *, first: int, last: int, names: tuple[str, ...]) -> Iterator[CodeBlock]:
    """The blocks of lines `first` to `last`, which hold the statements `body`."""
    for statement in body:
        if not isinstance(statement, Definition):
            continue
        start = max(min([statement.lineno, *(mark.lineno for mark in statement.decorator_list)]), first)
        end = statement.end_lineno or start
        if start > first:
            yield CodeBlock(first, start - 1, names)
        inner = statement.body if isinstance(statement, ast.ClassDef) else []
        if end >= start:
            yield from _blocks(inner, first=start, last=end, names=(*names, statement.name))
        first = max(first, end + 1)
    if first <= last:
        yield CodeBlock(first, last, names)


def _lines(path: Path, limits: FileLimits) -> list[str]:
    text = _LINE_ENDS.sub("\n", decode(read_bytes(path, limits)))
    if text.count("\n") > limits.max_values:
        raise TooLargeError(f"The file has more than {limits.max_values:,} lines.")
    return text.split("\n")


def _document(lines: Sequence[str], blocks: Sequence[CodeBlock], limits: FileLimits) -> ParsedDocument:
    builder = DocumentBuilder(limits)
    for block in blocks:
        for first, last in _pieces(lines, block):
            builder.place(Place(PlaceKind.LINE, first, rows=(first, last)))
            builder.under(*block.names)
            builder.block("\n".join(lines[first - 1 : last]))
    return builder.finish(metadata={"lines": str(len(lines))})


def _pieces(lines: Sequence[str], block: CodeBlock) -> Iterator[tuple[int, int]]:
    """The first and last line of each piece of the block, without blank lines at either end."""
    first = 0
    filled = 0
    for number in range(block.first, block.last + 1):
        is_blank = not lines[number - 1].strip()
        if first and (number - first >= LONGEST_PIECE or (is_blank and number - first >= LINES_A_PIECE)):
            yield first, filled
            first = 0
        if not is_blank:
            first = first or number
            filled = number
    if first:
        yield first, filled
