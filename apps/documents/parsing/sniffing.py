"""What a file is. Its extension and its content must agree; the web process asks before it takes a file in."""

from __future__ import annotations

import codecs
import re
import unicodedata
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import filetype

from apps.documents.parsing.archives import is_encrypted_office_file, open_archive
from apps.documents.parsing.byte_order import marked_encoding, unmarked_utf16
from apps.documents.parsing.errors import (
    BadFilenameError,
    EmptyFileError,
    EncryptedFileError,
    TypeMismatchError,
    UnknownTypeError,
)
from apps.documents.parsing.types import DocumentType, FileLimits

EXTENSIONS = {
    ".txt": DocumentType.TEXT,
    ".text": DocumentType.TEXT,
    ".log": DocumentType.TEXT,
    ".md": DocumentType.MARKDOWN,
    ".markdown": DocumentType.MARKDOWN,
    ".html": DocumentType.HTML,
    ".htm": DocumentType.HTML,
    ".xhtml": DocumentType.HTML,
    ".pdf": DocumentType.PDF,
    ".docx": DocumentType.DOCX,
    ".pptx": DocumentType.PPTX,
    ".xlsx": DocumentType.XLSX,
    ".csv": DocumentType.CSV,
    ".tsv": DocumentType.CSV,
    ".json": DocumentType.JSON,
    ".jsonl": DocumentType.JSONL,
    ".ndjson": DocumentType.JSONL,
    ".eml": DocumentType.EML,
    ".ics": DocumentType.CALENDAR,
    ".epub": DocumentType.EPUB,
    ".odt": DocumentType.ODT,
    ".ods": DocumentType.ODS,
    ".odp": DocumentType.ODP,
    ".rtf": DocumentType.RTF,
    ".ipynb": DocumentType.NOTEBOOK,
    ".py": DocumentType.PYTHON,
}
CODE_EXTENSIONS = (
    ".bat .c .cc .cfg .clj .conf .cpp .cs .css .cxx .dart .ex .exs .go .gradle .groovy .h .hpp .hs .ini .java .jl .js .jsx"
    " .kt .kts .lua .m .mjs .php .pl .pm .properties .proto .ps1 .pyi .r .rb .rs .rst .scala .scss .sh .sql .swift .tex"
    " .tf .toml .ts .tsx .vb .vue .xml .xsd .xsl .yaml .yml"
)
EXTENSIONS |= dict.fromkeys(CODE_EXTENSIONS.split(), DocumentType.CODE)
ACCEPTED = f"Files are accepted if their content matches their extension: {', '.join(EXTENSIONS)}."
PDF_MAGIC = b"%PDF-"
# Some writers leave a few stray bytes before the header; readers allow for it, and nothing else fits into so few.
MOST_STRAY_BYTES = 16
ZIP_MAGIC = b"PK\x03\x04"
# Formats that are themselves made of characters, and so pass for text.
RTF_MAGIC = b"{\\rtf"
TEXT_FORM_MAGICS = {PDF_MAGIC: "PDF", RTF_MAGIC: "RTF", b"%!PS": "PostScript"}
# Archives: the member, or folder of members, by which each type is known, and what the type is called.
OFFICE_PARTS = {
    DocumentType.DOCX: ("word/", "a Word document"),
    DocumentType.PPTX: ("ppt/", "a PowerPoint presentation"),
    DocumentType.XLSX: ("xl/", "an Excel workbook"),
    DocumentType.EPUB: ("META-INF/container.xml", "a book"),
}
# Archives that say what they are in a member of this name.
MIMETYPE = "mimetype"
OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
MIMETYPES = {
    DocumentType.ODT: (f"{OPEN_DOCUMENT}text", "an OpenDocument text"),
    DocumentType.ODS: (f"{OPEN_DOCUMENT}spreadsheet", "an OpenDocument spreadsheet"),
    DocumentType.ODP: (f"{OPEN_DOCUMENT}presentation", "an OpenDocument presentation"),
}
LONGEST_MIMETYPE = 100
HEAD_BYTES = 64 * 1024
LONGEST_FILENAME = 200
_TAG = re.compile(r"<\s*[!?/a-zA-Z]")
# C0 controls that no text file has; the escape character (0x1B) is part of some Japanese encodings.
_JSON = re.compile(r"""\s*[\[{"\-0-9tfn]""")
_OBJECT = re.compile(r"\s*\{")
_CALENDAR = re.compile(r"\s*BEGIN:VCALENDAR", re.IGNORECASE)
_MAIL_HEADER = re.compile(
    r"^(?:from|to|subject|date|sender|received|return-path|delivered-to|message-id|mime-version|content-type)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
# The bell, the backspace, and the end of a file under DOS.
_TERMINAL_CHARACTERS = re.compile(r"[\x07\x08]|\x1a+\Z")
# Runs of zeros, as logs have them after a power failure; so many other characters must be there for each.
_ZEROS = re.compile(r"\0+")
CHARACTERS_A_GAP = 64
_BINARY_CHARACTERS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DIRECTION_CONTROLS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DEVICE_NAME = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def sniff(path: Path, filename: str) -> DocumentType:
    """The type of the file stored at `path` that its owner calls `filename`.

    Raises UnknownTypeError, EmptyFileError, TypeMismatchError, BadFilenameError, and EncryptedFileError,
    UnsafeArchiveError or DamagedFileError for an archive, such as a .docx, that can't be opened.
    """
    name = safe_filename(filename)
    extension = PurePosixPath(name).suffix.lower()
    if extension not in EXTENSIONS:
        raise UnknownTypeError(f"The extension {extension!r} of {name!r} is not accepted.", action=ACCEPTED)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyFileError(f"The file {name!r} is empty: it has 0 bytes.")
    document_type = EXTENSIONS[extension]
    seen = _mismatch(document_type, head=head, path=path)
    if seen:
        raise TypeMismatchError(f"The file {name!r} ends in {extension!r}, but its content {seen}.", action=ACCEPTED)
    return document_type


def safe_filename(name: str) -> str:
    """The name in NFC, without folders and without characters that can't be seen, for display only: never a path.

    At most 200 characters, the extension kept. Raises BadFilenameError when nothing is left.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if _is_shown(character)).strip().rstrip(". ")
    if not shown.strip("."):
        raise BadFilenameError(f"The name {name[:LONGEST_FILENAME]!r} can't be used as a file's name.")
    if _DEVICE_NAME.match(shown):
        shown = f"_{shown}"
    extension = PurePosixPath(shown).suffix[-20:]
    stem = shown.removesuffix(extension)
    return stem[: LONGEST_FILENAME - len(extension)] + extension


def _is_shown(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs"} and character not in _DIRECTION_CONTROLS


def _mismatch(document_type: DocumentType, *, head: bytes, path: Path) -> str:
    """What the content is instead of `document_type`, as the end of a sentence; "" when it is of that type."""
    match document_type:
        case DocumentType.PDF:
            return "" if _begins_as_pdf(head) else _described(head, "does not begin as a PDF does")
        case DocumentType.RTF:
            return "" if head.startswith(RTF_MAGIC) else _described(head, "does not begin as RTF does")
        case _ if document_type in OFFICE_PARTS or document_type in MIMETYPES:
            return _archive_mismatch(document_type, head=head, path=path)
        case _:
            return _text_mismatch(head) or _form_mismatch(document_type, head)


def _begins_as_pdf(head: bytes) -> bool:
    stray_bytes = head.find(PDF_MAGIC, 0, MOST_STRAY_BYTES + len(PDF_MAGIC))
    return stray_bytes == 0 or (stray_bytes > 0 and b"<" not in head[:stray_bytes] and filetype.guess(head) is None)


def _archive_mismatch(document_type: DocumentType, *, head: bytes, path: Path) -> str:
    _, called = (OFFICE_PARTS | MIMETYPES)[document_type]
    if not head.startswith(ZIP_MAGIC):
        if is_encrypted_office_file(path.read_bytes()):
            raise EncryptedFileError("The document is protected with a password.")
        return _described(head, f"is not {called}")
    with open_archive(path, FileLimits()) as archive:
        return "" if _is_of_type(archive, document_type) else f"is an archive without {called} in it"


def _is_of_type(archive: ZipFile, document_type: DocumentType) -> bool:
    names = archive.namelist()
    if document_type in OFFICE_PARTS:
        return any(name.startswith(OFFICE_PARTS[document_type][0]) for name in names)
    if MIMETYPE not in names:
        return False
    with archive.open(MIMETYPE) as file:
        return file.read(LONGEST_MIMETYPE).decode("latin-1").strip() == MIMETYPES[document_type][0]


def _text_mismatch(head: bytes) -> str:
    for magic, form in TEXT_FORM_MAGICS.items():
        if head.startswith(magic):
            return f"is {form}"
    return "" if _is_text(head) else _described(head, "is not text")


def _form_mismatch(document_type: DocumentType, head: bytes) -> str:
    """What a text lacks to be of a type that has a form."""
    text = _decoded_head(head) or head.decode("latin-1")
    match document_type:
        case DocumentType.HTML if not _TAG.search(text):
            return "has no HTML tag near its beginning"
        case DocumentType.JSON | DocumentType.JSONL if not _JSON.match(text):
            return "does not begin as JSON does"
        case DocumentType.NOTEBOOK if not _OBJECT.match(text):
            return "does not begin as a notebook does"
        case DocumentType.EML if not _MAIL_HEADER.search(text):
            return "has none of an e-mail's headers near its beginning"
        case DocumentType.CALENDAR if not _CALENDAR.match(text):
            return "does not begin as a calendar does"
        case _:
            return ""


def _is_text(head: bytes) -> bool:
    """Whether these are characters, with at most what terminals and disks leave among them."""
    decoded = _decoded_head(head)
    text = head.decode("latin-1") if decoded is None else decoded
    if _BINARY_CHARACTERS.search(text) is None:
        return True
    bare = _ZEROS.sub("", text)
    gaps = len(_ZEROS.findall(text))
    strange = len(_BINARY_CHARACTERS.findall(bare)) - len(_TERMINAL_CHARACTERS.findall(bare))
    is_written = bool(bare.strip()) and gaps * CHARACTERS_A_GAP <= len(bare) + CHARACTERS_A_GAP
    return is_written and not strange and filetype.guess(head) is None


def _decoded_head(head: bytes) -> str | None:
    """The characters by byte order mark or as UTF-8, less one cut off at the end; None if they are in neither."""
    try:
        return codecs.getincrementaldecoder(marked_encoding(head) or unmarked_utf16(head) or "utf-8")().decode(head)
    except UnicodeDecodeError:
        return None


def _described(head: bytes, otherwise: str) -> str:
    kind = filetype.guess(head)
    return f"is {kind.mime} (.{kind.extension})" if kind else otherwise
