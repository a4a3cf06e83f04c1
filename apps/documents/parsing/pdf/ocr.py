"""Text recognition for the pages of a PDF that are pictures, by the program Tesseract where it is installed."""

from __future__ import annotations

import csv
import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.pdf.pages import read_pdf
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from ragsite.core.errors import ConfigurationError, RagError, TransientError

PROGRAM = "tesseract"
POINTS_PER_INCH = 72
DOTS_PER_INCH = 300
MOST_PIXELS = 20_000_000
DEFAULT_LANGUAGES = "eng"
PAGE_LEVEL, WORD_LEVEL = "1", "5"
"""Of the rows in which the program tells what is where."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How pages are recognised; `languages` as the program takes them, such as "eng+deu"."""

    languages: str = DEFAULT_LANGUAGES
    seconds_a_page: float = 30.0
    most_pages: int = 100


class OcrPdfParser:
    """Reads PDF as PdfParser does, and the pages that have no text layer by recognising what is on them."""

    name = "pdf+ocr"
    types = frozenset({DocumentType.PDF})

    def __init__(self, recognition: Recognition | None = None) -> None:
        self._recognition = recognition or Recognition()
        self._pages = 0

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section a page.

        Raises what PdfParser raises: NoTextLayerError where nothing is recognised either, TooLargeError for more
        pictures than are recognised; and ConfigurationError when the program or a language is missing, TransientError
        when it takes too long.
        """
        self._pages = 0
        return read_pdf(path, limits, recognise=self._recognise)

    def _recognise(self, page: pypdfium2.PdfPage) -> str:
        self._pages += 1
        most = self._recognition.most_pages
        if self._pages > most:
            raise TooLargeError(f"More than {most:,} pages of the PDF are pictures; no more are recognised.")
        return recognised_text(page_picture(page), self._recognition)


def words_on(page: pypdfium2.PdfPage) -> list[RecognisedWord]:
    """The words that are recognised on a page, as they were when it was parsed; none where they can't be now."""
    try:
        return recognised_words(page_picture(page), Recognition())
    except RagError:
        return []


def page_picture(page: pypdfium2.PdfPage) -> bytes:
    """The page in shades of grey, as a portable graymap (PGM, binary) of at most MOST_PIXELS."""
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise DamagedFileError(f"A page of the PDF has no area: it is {width:g} by {height:g} points.")
    scale = min(DOTS_PER_INCH / POINTS_PER_INCH, (MOST_PIXELS / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        rows = memoryview(bitmap.buffer).cast("B")
        head = f"P5 {bitmap.width} {bitmap.height} 255\n".encode()
        return head + b"".join(
            bytes(rows[at * bitmap.stride : at * bitmap.stride + bitmap.width]) for at in range(bitmap.height)
        )
    finally:
        bitmap.close()


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """A word on a picture, and its edges in fractions of the picture's width, from the left, and height, from the top."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def recognised_text(picture: bytes, recognition: Recognition) -> str:
    """The words on the picture; raises ConfigurationError and TransientError."""
    return _recognised(picture, recognition)


def recognised_words(picture: bytes, recognition: Recognition) -> list[RecognisedWord]:
    """The words on the picture and where they are; raises ConfigurationError and TransientError."""
    rows = csv.DictReader(io.StringIO(_recognised(picture, recognition, "tsv")), delimiter="\t", quoting=csv.QUOTE_NONE)
    words: list[RecognisedWord] = []
    width = height = 0.0
    for row in rows:
        try:
            left, top, across, down = (float(row[name]) for name in ("left", "top", "width", "height"))
        except (KeyError, TypeError, ValueError):
            continue
        if row.get("level") == PAGE_LEVEL:
            width, height = across, down
        elif row.get("level") == WORD_LEVEL and width and height and (text := (row.get("text") or "").strip()):
            edges = (left / width, top / height, (left + across) / width, (top + down) / height)
            words.append(RecognisedWord(text, *edges))
    return words


def _recognised(picture: bytes, recognition: Recognition, *wanted: str) -> str:
    command = [PROGRAM, "stdin", "stdout", "-l", recognition.languages, "--dpi", str(DOTS_PER_INCH), *wanted]
    try:
        done = subprocess.run(
            command, input=picture, capture_output=True, timeout=recognition.seconds_a_page, check=True
        )
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"The program {PROGRAM!r} is not on the PATH.", action="Install it, or switch text recognition off."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise TransientError(
            f"Recognising a page took more than {recognition.seconds_a_page:g} seconds.", code="recognition_timeout"
        ) from error
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode("utf-8", "replace").strip()[-300:]
        raise ConfigurationError(
            f"{PROGRAM} could not read a page: {told or f'it ended with {error.returncode}'}.",
            action=f"Check that its data for {recognition.languages!r} is installed.",
        ) from error
    return done.stdout.decode("utf-8", "replace")
