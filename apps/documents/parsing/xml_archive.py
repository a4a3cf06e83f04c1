"""Reads the XML members of an archive, trusting none of them."""

from __future__ import annotations

import zipfile

from lxml import etree

from apps.documents.parsing.errors import DamagedFileError, UnsafeXmlError


class XmlArchive:
    """An archive whose members are read as XML."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = frozenset(archive.namelist())

    def xml(self, name: str) -> etree._Element | None:
        """The root of the member called `name`, or None where there is no such member.

        Raises UnsafeXmlError for a document type declaration, DamagedFileError for anything else that is not XML.
        """
        if name not in self.names:
            return None
        return parse_xml(self._archive.read(name), name=name)


def parse_xml(data: bytes, *, name: str) -> etree._Element:
    """The root element; nothing outside `data` is read and no entity is expanded."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if b"<!ENTITY" in data:
            raise UnsafeXmlError(f"The part {name!r} of the file declares XML entities.") from error
        raise DamagedFileError(f"The part {name!r} of the file is not well-formed XML: {error.msg}.") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnsafeXmlError(f"The part {name!r} of the file has a document type declaration.")
    return root
