"""Reads the XML members of an archive, trusting none of them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from lxml import etree

from apps.documents.parsing.errors import DamagedFileError, TooLargeError, UnsafeXmlError
from apps.documents.parsing.types import FileLimits
from apps.documents.parsing.xml_elements import local_name

# A part that is read piece by piece may have so many times the elements of one that is held whole.
STREAM_FACTOR = 5
PIECE_BYTES = 1024 * 1024
LONGEST_PATTERN = 100
_PARSER_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "remove_comments": True,
}


class XmlArchive:
    """An archive whose members are read as XML."""

    def __init__(self, archive: zipfile.ZipFile, limits: FileLimits) -> None:
        self._archive = archive
        self._limits = limits
        self.names = frozenset(archive.namelist())

    def read(self, name: str) -> bytes:
        """The bytes of the member called `name`; b"" where there is no such member."""
        return self._archive.read(name) if name in self.names else b""

    def xml(self, name: str) -> etree._Element | None:
        """The root of the member called `name`, or None where there is no such member.

        Raises UnsafeXmlError for a document type declaration, TooLargeError for more elements than can be held, and
        DamagedFileError for anything else that is not XML.
        """
        if name not in self.names:
            return None
        return parse_xml(self._archive.read(name), name=name, limits=self._limits)

    def part(self, name: str) -> etree._Element:
        """The root of the member called `name`; DamagedFileError where there is none, and what `xml` raises."""
        root = self.xml(name)
        if root is None:
            raise DamagedFileError(f"The document's part {name!r} is missing.")
        return root

    def stream(self, name: str, *, element: str) -> Iterator[etree._Element]:
        """Each element of the member `name` with the local name `element`, whole; it is forgotten before the next.

        So that a part of any length takes little memory. Raises what `part` raises.
        """
        if name not in self.names:
            raise DamagedFileError(f"The document's part {name!r} is missing.")
        self._check_length(name)
        with self._archive.open(name) as file:
            walk = _Stream(name=name, wanted=element, most=self._limits.max_values)
            try:
                yield from walk.elements(etree.iterparse(file, events=("start", "end"), **_PARSER_OPTIONS))
            except etree.XMLSyntaxError as error:
                raise DamagedFileError(f"The part {name!r} of the file is not well-formed XML: {error.msg}.") from error

    def tail(self, name: str, *, behind: re.Pattern[bytes]) -> bytes:
        """The bytes of the member `name` behind the first match of a short pattern; b"" where there is none."""
        if name not in self.names:
            return b""
        kept = b""
        with self._archive.open(name) as file:
            for piece in iter(partial(file.read, PIECE_BYTES), b""):
                data = kept + piece
                found = behind.search(data)
                if found:
                    return data[found.end() :] + file.read()
                kept = data[-LONGEST_PATTERN:]
        return b""

    def _check_length(self, name: str) -> None:
        most = self._limits.max_values * STREAM_FACTOR
        with self._archive.open(name) as file:
            if sum(map(_count_elements, iter(partial(file.read, PIECE_BYTES), b""))) > most:
                raise TooLargeError(f"The part {name!r} of the file has more than {most:,} elements.")


def parse_xml(data: bytes, *, name: str, limits: FileLimits) -> etree._Element:
    """The root element; nothing outside `data` is read and no entity is expanded."""
    if _count_elements(data) > limits.max_values:
        raise TooLargeError(f"The part {name!r} of the file has more than {limits.max_values:,} elements.")
    try:
        root = etree.fromstring(data, etree.XMLParser(**_PARSER_OPTIONS))
    except etree.XMLSyntaxError as error:
        if b"<!ENTITY" in data:
            raise UnsafeXmlError(f"The part {name!r} of the file declares XML entities.") from error
        raise DamagedFileError(f"The part {name!r} of the file is not well-formed XML: {error.msg}.") from error
    _check_declarations(root, name)
    return root


def _count_elements(data: bytes) -> int:
    """How many elements begin in the data, or a few more; two pieces of a part have as many as the whole."""
    return data.count(b"<") - data.count(b"</")


def _check_declarations(root: etree._Element, name: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnsafeXmlError(f"The part {name!r} of the file has a document type declaration.")


@dataclass(slots=True)
class _Stream:
    """Cuts the wanted elements out of a part and lets go of all else, as it is read."""

    name: str
    wanted: str
    most: int
    inside: int = 0
    held: int = 0

    def elements(self, events: etree.iterparse[tuple[str, etree._Element]]) -> Iterator[etree._Element]:
        for event, element in events:
            if event == "start":
                self._enter(element)
            elif local_name(element) == self.wanted:
                self.inside -= 1
                if not self.inside:
                    yield element
            if event == "end" and not self.inside:
                _forget(element)

    def _enter(self, element: etree._Element) -> None:
        if element.getparent() is None:
            _check_declarations(element, self.name)
        if local_name(element) == self.wanted:
            self.inside += 1
        self.held = self.held + 1 if self.inside else 0
        if self.held > self.most:
            raise TooLargeError(
                f"The part {self.name!r} of the file has more than {self.most:,} elements in one place."
            )


def _forget(element: etree._Element) -> None:
    parent = element.getparent()
    element.clear()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
