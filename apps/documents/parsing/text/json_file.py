"""JSON, and JSON Lines: one value a line."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, lines_of, read_bytes
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.text.json_text import JsonWriter
from apps.documents.parsing.text.json_values import load_json
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from ragsite.core.errors import PermanentError


class JsonParser:
    """Takes the value apart into sections that have their JSON pointers; a file of several values is JSON Lines."""

    name = "json"
    types = frozenset({DocumentType.JSON})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The value in lines; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        text = decode(read_bytes(path, limits))
        try:
            value = load_json(text, limits=limits)
        except DamagedFileError:
            if _is_lines(text, limits):
                return JsonLinesParser().parse(path, limits)
            raise
        builder = DocumentBuilder(limits)
        JsonWriter(builder).write(value)
        return builder.finish()


class JsonLinesParser:
    """Takes each line as a value of its own; pointers point into the array of all lines."""

    name = "jsonl"
    types = frozenset({DocumentType.JSONL})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section or more a line; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        text = decode(read_bytes(path, limits))
        _check_line_count(text, limits)
        builder = DocumentBuilder(limits)
        index = 0
        for number, line in enumerate(lines_of(text), start=1):
            if line.strip():
                value = load_json(line, limits=limits, where=f"Line {number:,}")
                JsonWriter(builder, line=number).write(value, pointer=f"/{index}")
                index += 1
        return builder.finish()


def _is_lines(text: str, limits: FileLimits) -> bool:
    """Whether the first two lines that are not blank are a value each."""
    lines = list(islice((line for line in lines_of(text) if line.strip()), 2))
    try:
        return len([load_json(line, limits=limits) for line in lines]) > 1
    except PermanentError:
        return False


def _check_line_count(text: str, limits: FileLimits) -> None:
    """Each line costs time, also one that adds nothing to the text, such as a blank one or an empty object."""
    if max(text.count("\n"), text.count("\r")) > limits.max_values:
        raise TooLargeError(f"The file has more than {limits.max_values:,} lines.")
