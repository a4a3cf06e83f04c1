"""What a fetched document is called: by its address, and where that does not tell its type, by what the server says."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from apps.documents.addresses import WebAddress
from apps.documents.parsing.errors import UnknownTypeError
from apps.documents.parsing.sniffing import ACCEPTED, EXTENSIONS

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
}


def filename_of(address: WebAddress, *, content_type: str) -> str:
    """The last part of the path, with the extension of the content type if it has none that is known.

    Raises:
        UnknownTypeError: neither tells a type that can be read.
    """
    name = PurePosixPath(unquote(address.path)).name.replace("\x00", "") or address.host
    if PurePosixPath(name).suffix.lower() in EXTENSIONS and name != address.host:
        return name
    media_type = content_type.partition(";")[0].strip().lower()
    extension = EXTENSION_OF.get(media_type, "")
    if extension not in EXTENSIONS:
        raise UnknownTypeError(f"{address.host!r} sent {media_type[:80]!r}, which is not accepted.", action=ACCEPTED)
    return name + extension
