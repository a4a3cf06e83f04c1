"""What a fetched document is called: by its address, and where that does not tell its type, by what the server says."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from apps.documents.intake.addresses import WebAddress
from apps.documents.parsing.errors import UnknownTypeError
from apps.documents.parsing.sniffing import ACCEPTED, EXTENSIONS
from apps.documents.parsing.types import DocumentType

_OFFICE = "application/vnd.openxmlformats-officedocument"
EXTENSION_OF = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "application/vnd.oasis.opendocument.text": ".odt",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
}


def filename_of(address: WebAddress, *, content_type: str) -> str:
    """The last part of the path, with the extension of the content type if it has none that is known.

    A path may end as source code does (`index.php`) and yet give a page: there the server's word counts.

    Raises:
        UnknownTypeError: neither tells a type that can be read.
    """
    name = PurePosixPath(unquote(address.path)).name.replace("\x00", "") or address.host
    media_type = content_type.partition(";")[0].strip().lower()
    extension = EXTENSION_OF.get(media_type, "")
    ending = EXTENSIONS.get(PurePosixPath(name).suffix.lower()) if name != address.host else None
    if ending is not None and (ending is not DocumentType.CODE or extension != ".html"):
        return name
    if extension not in EXTENSIONS:
        raise UnknownTypeError(f"{address.host!r} sent {media_type[:80]!r}, which is not accepted.", action=ACCEPTED)
    return name + extension
