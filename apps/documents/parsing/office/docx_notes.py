"""Footnotes, endnotes and comments of a Word document: found by the marks in its text, and written after them.

ECMA-376, part 1, sections 17.11 and 17.13.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.office.docx_inline import Reference
from apps.documents.parsing.office.opc import Relation, addresses, all_relations
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, local_name

KINDS = ("footnotes", "endnotes", "comments")
COMMENTS = "comments"
NOTATIONS = {"footnotes": Numeral.DECIMAL, "endnotes": Numeral.LOWER_ROMAN}
# The lines that Word draws above notes are notes, too.
_RULES = frozenset({"separator", "continuationSeparator", "continuationNotice"})
_ENTRIES = frozenset({"footnote", "endnote", "comment"})


@dataclass(frozen=True, slots=True)
class Note:
    """A note or comment; `targets` tell where its links lead."""

    kind: str
    element: etree._Element
    author: str
    targets: Mapping[str, str]

    def lead_in(self, mark: str, quoted: str) -> str:
        """What stands before its words: the mark that is in the text, or who said it about what."""
        if self.kind != COMMENTS:
            return f"{mark} " if mark else ""
        about = f" on “{quoted}”" if quoted else ""
        return f"Comment{f' by {self.author}' if self.author else ''}{about}: "


@dataclass(slots=True)
class Notes:
    """The notes by kind and key, the marks that they got, and those that nothing has referred to yet."""

    by_key: dict[tuple[str, str], Note] = field(default_factory=dict)
    marks: dict[tuple[str, str], str] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def read(cls, archive: XmlArchive, related: Sequence[Relation]) -> Notes:
        notes = cls()
        for relation in related:
            if relation.kind in KINDS:
                targets = addresses(all_relations(archive, relation.target))
                for at, entry in enumerate(_entries(archive.part(relation.target))):
                    key = attribute(entry, "id") or f"unnamed {at}"
                    notes.by_key[relation.kind, key] = Note(relation.kind, entry, attribute(entry, "author"), targets)
        return notes

    def mark_of(self, reference: Reference) -> str:
        """The mark that Word puts in the text: it counts footnotes in figures and endnotes in Roman numerals."""
        notation = NOTATIONS.get(reference.kind)
        key = (reference.kind, reference.key)
        if notation is None or reference.has_own_mark or key not in self.by_key:
            return ""
        if key not in self.marks:
            number = 1 + sum(kind == reference.kind for kind, _ in self.marks)
            self.marks[key] = numeral(number, notation)
        return self.marks[key]

    def take(self, reference: Reference) -> Note | None:
        """The note that belongs to the mark, the first time that it is asked for."""
        key = (reference.kind, reference.key)
        if key in self.used:
            return None
        self.used.add(key)
        return self.by_key.get(key)

    def left(self) -> Iterator[Note]:
        """The notes that nothing refers to, footnotes first."""
        return (note for kind in KINDS for key, note in self.by_key.items() if key[0] == kind and key not in self.used)


def _entries(root: etree._Element) -> Iterator[etree._Element]:
    return (entry for entry in root if local_name(entry) in _ENTRIES and attribute(entry, "type") not in _RULES)
