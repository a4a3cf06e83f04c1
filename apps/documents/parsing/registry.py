"""Which parser reads which type. Parsers are imported when first asked for: their libraries are heavy."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import cast

from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Parser

PARSERS = {
    DocumentType.TEXT: "apps.documents.parsing.text.plain.TextParser",
    DocumentType.MARKDOWN: "apps.documents.parsing.text.markdown.MarkdownParser",
    DocumentType.HTML: "apps.documents.parsing.web.html.HtmlParser",
    DocumentType.PDF: "apps.documents.parsing.pdf.pages.PdfParser",
    DocumentType.DOCX: "apps.documents.parsing.office.docx.DocxParser",
    DocumentType.PPTX: "apps.documents.parsing.office.pptx.PptxParser",
    DocumentType.XLSX: "apps.documents.parsing.office.xlsx.XlsxParser",
    DocumentType.CSV: "apps.documents.parsing.tabular.delimited.CsvParser",
    DocumentType.JSON: "apps.documents.parsing.text.json_file.JsonParser",
    DocumentType.JSONL: "apps.documents.parsing.text.json_file.JsonLinesParser",
    DocumentType.EML: "apps.documents.parsing.mail.email_message.EmailParser",
    DocumentType.CALENDAR: "apps.documents.parsing.mail.calendar_file.CalendarParser",
    DocumentType.EPUB: "apps.documents.parsing.web.epub.EpubParser",
    DocumentType.ODT: "apps.documents.parsing.office.odt.OdtParser",
    DocumentType.ODS: "apps.documents.parsing.office.ods.OdsParser",
    DocumentType.ODP: "apps.documents.parsing.office.odp.OdpParser",
    DocumentType.RTF: "apps.documents.parsing.office.rtf.RtfParser",
    DocumentType.NOTEBOOK: "apps.documents.parsing.text.notebook.NotebookParser",
    DocumentType.PYTHON: "apps.documents.parsing.text.source_code.PythonParser",
    DocumentType.CODE: "apps.documents.parsing.text.source_code.SourceCodeParser",
}


# Parsers that recognise the text on pictures; they need a program that not every machine has.
RECOGNISING_PARSERS = {
    DocumentType.PDF: "apps.documents.parsing.pdf.ocr.OcrPdfParser",
}


def parser_for(document_type: DocumentType, *, recognises: bool = False) -> Parser:
    """A parser that reads files of this type; with `recognises`, one that also reads pictures, where there is one."""
    parsers = PARSERS | RECOGNISING_PARSERS if recognises else PARSERS
    module, _, name = parsers[document_type].rpartition(".")
    return cast(Parser, getattr(import_module(module), name)())


def parse(path: Path, document_type: DocumentType, limits: FileLimits | None = None) -> ParsedDocument:
    """The text and sections of the file; whatever is wrong with the file is a `PermanentError`."""
    return parser_for(document_type).parse(path, limits or FileLimits())
