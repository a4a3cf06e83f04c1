"""JSON, and JSON Lines: one value a line."""

from __future__ import annotations

from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, lines_of, read_bytes
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.text.json_text import JsonWriter
from apps.documents.parsing.text.json_values import load_json
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument


class JsonParser:
    """Takes the value apart into sections that have their JSON pointers."""

    name = "json"
    types = frozenset({DocumentType.JSON})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The value in lines; raises DamagedFileError, TooDeepError, EmptyTextError and TooLargeError."""
        builder = DocumentBuilder(limits)
        JsonWriter(builder).write(load_json(decode(read_bytes(path, limits)), limits=limits))
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


def _check_line_count(text: str, limits: FileLimits) -> None:
    """Each line costs time, also one that adds nothing to the text, such as a blank one or an empty object."""
    if max(text.count("\n"), text.count("\r")) > limits.max_values:
        raise TooLargeError(f"The file has more than {limits.max_values:,} lines.")
