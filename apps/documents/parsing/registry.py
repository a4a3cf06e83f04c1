"""Which parser reads which type. Parsers are imported when first asked for: their libraries are heavy."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from apps.documents.parsing.types import DocumentType, Limits, ParsedDocument, Parser

PARSERS = {
    DocumentType.TEXT: "apps.documents.parsing.text.TextParser",
    DocumentType.MARKDOWN: "apps.documents.parsing.markdown.MarkdownParser",
    DocumentType.HTML: "apps.documents.parsing.html.HtmlParser",
    DocumentType.PDF: "apps.documents.parsing.pdf.PdfParser",
    DocumentType.DOCX: "apps.documents.parsing.docx.DocxParser",
}


def parser_for(document_type: DocumentType) -> Parser:
    """A parser that reads files of this type."""
    module, _, name = PARSERS[document_type].rpartition(".")
    return cast(Parser, getattr(import_module(module), name)())


def parse(path: Path, document_type: DocumentType, limits: Limits | None = None) -> ParsedDocument:
    """The text and sections of the file; whatever is wrong with the file is a `PermanentError`."""
    return parser_for(document_type).parse(path, limits or Limits())
