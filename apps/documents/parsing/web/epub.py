"""Electronic books (EPUB 2 and 3)."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode
from apps.documents.parsing.errors import DamagedFileError, EncryptedFileError, TooLargeError
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.web.html import declared_encoding
from apps.documents.parsing.web.html_text import full_target, write_html
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, words

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document"})


class EpubParser:
    """Takes the pages of a book in reading order, with the headings in them."""

    name = "epub"
    types = frozenset({DocumentType.EPUB})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The book's text; headings go on from page to page.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            name = _package_name(archive)
            package = archive.part(name)
            pages = _pages(package, folder=posixpath.dirname(name))
            _check_readable(archive, pages, limits)
            builder = DocumentBuilder(limits)
            for page in pages:
                data = archive.read(page)
                source = decode(data, declared=declared_encoding(data)) if data else ""
                write_html(source, builder, target_of=full_target)
            return builder.finish(title=_property(package, "title"), metadata=_metadata(archive, package, pages))


def _package_name(archive: XmlArchive) -> str:
    """The name of the part that lists the book's pages; DamagedFileError without one."""
    container = archive.xml(CONTAINER)
    for entry in [] if container is None else descendants(container, "rootfile"):
        return attribute(entry, "full-path")
    raise DamagedFileError("The file is a zip archive, but no book is in it.")


def _pages(package: etree._Element, *, folder: str) -> list[str]:
    """The names of the pages' parts in reading order, each once."""
    items = {attribute(item, "id"): item for item in children(child(package, "manifest"), "item")}
    spine = [items.get(attribute(entry, "idref")) for entry in children(child(package, "spine"), "itemref")]
    targets = [attribute(item, "href") for item in spine if attribute(item, "media-type") in PAGES]
    return list(dict.fromkeys(_part_name(folder, target) for target in targets))


def _part_name(folder: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))


def _check_readable(archive: XmlArchive, pages: list[str], limits: FileLimits) -> None:
    if len(pages) > limits.max_pages:
        raise TooLargeError(f"The book has {len(pages):,} pages; the most that is read is {limits.max_pages:,}.")
    encryption = archive.xml(ENCRYPTION)
    # Fonts may be encrypted in any book; pages are only in one that is locked to its buyer.
    locked = (
        set()
        if encryption is None
        else {attribute(entry, "URI") for entry in descendants(encryption, "CipherReference")}
    )
    if any(unquote(name) in pages for name in locked):
        raise EncryptedFileError("The book's pages are encrypted.")


def _property(package: etree._Element, name: str) -> str:
    return words(child(package, "metadata", name))


def _metadata(archive: XmlArchive, package: etree._Element, pages: list[str]) -> dict[str, str]:
    missing = sum(page not in archive.names for page in pages)
    metadata = {
        "author": _property(package, "creator"),
        "language": _property(package, "language"),
        "pages_missing": str(missing) if missing else "",
    }
    return {name: value for name, value in metadata.items() if value}
