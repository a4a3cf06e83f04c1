"""PDF, by PDFium. It is not thread-safe: parse in one thread of a process at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from apps.documents.document_names import says_something
from apps.documents.parsing.building import DocumentBuilder, too_much_text
from apps.documents.parsing.errors import DamagedFileError, EncryptedFileError, NoTextLayerError, TooLargeError
from apps.documents.parsing.pdf.breaks import PageLines, pages_joined
from apps.documents.parsing.pdf.headline import headline
from apps.documents.parsing.pdf.page_heads import page_head
from apps.documents.parsing.pdf.pdf_streams import check_streams
from apps.documents.parsing.pdf.reading import page_read
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind

LONGEST_PAGE_LIST = 20
# What programs write as the title where nobody gave one, and what they write before the name of a file.
_NO_TITLE = re.compile(
    r"(?:untitled(?: ?\d+| document)?|\(?anonymous\)?|\(?unspecified\)?|document ?\d*|no title|(?:slide|layout|folie) ?\d+"
    r"|powerpoint[ -](?:presentation|präsentation))",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"\S\.(?:docx?|dotx?|rtf|odt|pptx?|odp|xlsx?|ods|pdf|indd|qxp|qxd|tex|dvi|ps|html?|txt|tif|jpe?g)\Z", re.IGNORECASE
)
_PROGRAM = re.compile(r"\AMicrosoft (?:Word|PowerPoint|Excel) - ")
Recognise = Callable[[pypdfium2.PdfPage], str]


class PdfParser:
    """Takes the text layer, page by page. Pages that are damaged or have no text are counted in the metadata."""

    name = "pdf"
    types = frozenset({DocumentType.PDF})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section a page, under its head.

        Raises EncryptedFileError, DamagedFileError, NoTextLayerError, TooLargeError and UnsafeArchiveError.
        """
        return read_pdf(path, limits)


def read_pdf(path: Path, limits: FileLimits, *, recognise: Recognise | None = None) -> ParsedDocument:
    """The PDF's pages; those without a text layer are given to `recognise`, where there is one.

    Raises what PdfParser raises, and what `recognise` does.
    """
    check_streams(path.read_bytes(), limits)
    with pdf_opened(path) as pdf:
        pages = len(pdf)
        if pages > limits.max_pages:
            raise TooLargeError(f"The PDF has {pages:,} pages; the most that is read is {limits.max_pages:,}.")
        return _parse_pages(pdf, DocumentBuilder(limits), recognise)


def _parse_pages(pdf: pypdfium2.PdfDocument, builder: DocumentBuilder, recognise: Recognise | None) -> ParsedDocument:
    told = _told_title(pdf.get_metadata_value("Title"))
    is_title = says_something(told) and not _FILE.search(told)
    read = list(_read_pages(pdf, builder.limits, recognise, sized=not is_title))
    unreadable = [number for number, page in enumerate(read, start=1) if page is None]
    blank = [
        number for number, page in enumerate(read, start=1) if page is not None and not (page.lines or page.comments)
    ]
    lines = [page or PageLines() for page in read]
    for number, page in enumerate(pages_joined(lines), start=1):
        builder.place(Place(PlaceKind.PAGE, number), joint=page.joint)
        # What goes on with a sentence has no head.
        builder.under(*filter(None, [page_head(page.text) if page.joint is None else ""]))
        builder.block(page.text)
    _check_any_text(pages=len(pdf), unreadable=len(unreadable), blank=len(blank))
    metadata = {"pages": str(len(pdf)), "pages_unreadable": _listed(unreadable), "pages_without_text": _listed(blank)}
    return builder.finish(
        title=told,
        metadata={name: value for name, value in metadata.items() if value},
        headline="" if is_title else headline(lines),
    )


def _told_title(title: str) -> str:
    """The title that the file tells, without what programs write there by themselves."""
    bare = _PROGRAM.sub("", title.strip())
    return "" if _NO_TITLE.fullmatch(bare) else bare


def _read_pages(
    pdf: pypdfium2.PdfDocument, limits: FileLimits, recognise: Recognise | None, *, sized: bool
) -> Iterator[PageLines | None]:
    """The lines of each page, those of the first with their sizes if it is to be `sized`; None of one that is damaged."""
    length = 0
    for number in range(1, len(pdf) + 1):
        page = _page_lines(pdf, number, recognise, sized=sized and number == 1)
        length += sum(map(len, page.lines)) if page else 0
        if length > limits.max_characters:
            raise too_much_text(limits)
        yield page


@contextmanager
def pdf_opened(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    """The PDF, open as long as the block lasts. Raises EncryptedFileError and DamagedFileError."""
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise EncryptedFileError("The PDF can't be opened without a password.") from error
        raise DamagedFileError("The file can't be opened as a PDF: its structure is damaged.") from error
    try:
        pdf.init_forms()
        yield pdf
    finally:
        pdf.close()


def _page_lines(
    pdf: pypdfium2.PdfDocument, number: int, recognise: Recognise | None, *, sized: bool
) -> PageLines | None:
    """The lines of page `number` (from 1), or None where the page is damaged."""
    try:
        page = pdf[number - 1]
        read = page_read(page, sized=sized)
    except pypdfium2.PdfiumError:
        return None
    try:
        rows = frozenset(at for at, line in enumerate(read.lines) if line.is_row)
        lines = tuple(line.text for line in read.lines)
        if not lines and recognise is not None:
            lines = tuple(line for line in recognise(page).splitlines() if line.strip())
        return PageLines(lines, rows, read.comments, read.margins, read.sizes)
    finally:
        page.close()


def _check_any_text(*, pages: int, unreadable: int, blank: int) -> None:
    if unreadable == pages:
        raise DamagedFileError(f"No page of the PDF can be read ({pages:,} in all).")
    if unreadable + blank == pages:
        raise NoTextLayerError(f"No page of the PDF has a text layer ({pages:,} in all): they are blank or pictures.")


def _listed(numbers: list[int]) -> str:
    """Page numbers for people, such as "1, 2, 9"; a long list ends in how many more there are."""
    shown = ", ".join(str(number) for number in numbers[:LONGEST_PAGE_LIST])
    more = len(numbers) - LONGEST_PAGE_LIST
    return f"{shown} and {more} more" if more > 0 else shown
