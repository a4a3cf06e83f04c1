"""HTML files."""

from __future__ import annotations

import re
from pathlib import Path

from apps.documents.parsing.characters import decode, read_bytes
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.web.html_text import parse_html

# Where the HTML standard has a browser look for the declaration.
DECLARATION_BYTES = 1024
_XML_ENCODING = re.compile(rb"""\A<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""")
_DECLARED_ENCODING = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


class HtmlParser:
    """Takes the words that a reader of the page sees."""

    name = "html"
    types = frozenset({DocumentType.HTML})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The page's text; raises DamagedFileError, EmptyTextError and TooLargeError."""
        data = read_bytes(path, limits)
        return parse_html(decode(data, declared=declared_encoding(data)), limits=limits)


def declared_encoding(data: bytes) -> str:
    """The encoding that the page's head, or its XML declaration, names, or ""."""
    found = _XML_ENCODING.search(data) or _DECLARED_ENCODING.search(data, 0, DECLARATION_BYTES)
    return found[1].decode("ascii", "replace") if found else ""
