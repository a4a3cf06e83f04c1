"""The package that Office Open XML documents are kept in: parts, and the relations between them.

ECMA-376, part 2. Relations are identified by the last word of their type, which both kinds of the standard share.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree

from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, words

PACKAGE = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A part, or an address outside, that a part refers to by `key`; `kind` is the last word of the relation's type."""

    key: str
    kind: str
    target: str
    is_outside: bool = False


def relations(archive: XmlArchive, part: str) -> list[Relation]:
    """What `part` refers to inside the archive; PACKAGE is the package itself."""
    return [relation for relation in all_relations(archive, part) if not relation.is_outside]


def all_relations(archive: XmlArchive, part: str) -> list[Relation]:
    """What `part` refers to, inside the archive or outside."""
    folder, base = posixpath.split(part)
    root = archive.xml(posixpath.join(folder, "_rels", f"{base}.rels"))
    return [_relation(folder, entry) for entry in children(root, "Relationship")]


def addresses(related: Iterable[Relation]) -> dict[str, str]:
    """Where links lead, by the keys of their relations."""
    return {
        relation.key: relation.target for relation in related if relation.is_outside and relation.kind == "hyperlink"
    }


def _relation(folder: str, entry: etree._Element) -> Relation:
    kind = posixpath.basename(entry.get("Type", ""))
    if entry.get("TargetMode") == "External":
        return Relation(attribute(entry, "Id"), kind, entry.get("Target", ""), is_outside=True)
    return Relation(attribute(entry, "Id"), kind, _target(folder, entry))


def related(archive: XmlArchive, part: str, kind: str) -> Iterator[str]:
    """The names of the parts that `part` refers to with relations of this kind."""
    return (relation.target for relation in relations(archive, part) if relation.kind == kind)


def relation_key(element: etree._Element) -> str:
    """The key of the relation that the element refers to, which is not its own `id`; "" without one."""
    return next((str(value) for name, value in element.items() if str(name).endswith("}id")), "")


def main_part(archive: XmlArchive) -> str:
    """The name of the part that holds the document itself; DamagedFileError without one."""
    name = next(related(archive, PACKAGE, "officeDocument"), "")
    if not name:
        raise DamagedFileError("The file is a zip archive, but no office document is in it.")
    return name


def core_title(archive: XmlArchive) -> str:
    """The title in the document's properties, or ""."""
    root = archive.xml(next(related(archive, PACKAGE, "core-properties"), ""))
    return words(child(root, "title"))


def _target(folder: str, entry: etree._Element) -> str:
    return posixpath.normpath(posixpath.join("/", folder, entry.get("Target", ""))).lstrip("/")
