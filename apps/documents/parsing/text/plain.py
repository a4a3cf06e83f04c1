"""Plain text."""

from __future__ import annotations

from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.text.terminal import shown, without_code_bytes
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument


class TextParser:
    """Gives a text file as one section, in whatever encoding it was saved; codes for a terminal are no text."""

    name = "text"
    types = frozenset({DocumentType.TEXT})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The text; raises DamagedFileError, EmptyTextError and TooLargeError."""
        builder = DocumentBuilder(limits)
        builder.block(shown(decode(without_code_bytes(read_bytes(path, limits)))))
        return builder.finish()
