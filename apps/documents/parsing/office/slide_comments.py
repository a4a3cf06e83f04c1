"""Comments on slides, of the older and of the newer kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from apps.documents.parsing.office.drawingml import paragraph_texts
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, descendants, local_name, words

AUTHORS = ("ppt/commentAuthors.xml", "ppt/authors.xml")


def comment_texts(archive: XmlArchive, parts: Sequence[str]) -> Iterator[str]:
    """Each comment in these parts, and each reply, with its author.

    Raises what `XmlArchive.part` raises.
    """
    authors = _authors(archive) if parts else {}
    for part in parts:
        for element in archive.part(part).iter():
            if local_name(element) in {"cm", "reply"}:
                author, text = authors.get(attribute(element, "authorId"), ""), _text(element)
                if text:
                    yield f"Comment{f' by {author}' if author else ''}: {text}"


def _authors(archive: XmlArchive) -> dict[str, str]:
    roots = [root for name in AUTHORS if (root := archive.xml(name)) is not None]
    entries = (entry for root in roots for kind in ("cmAuthor", "author") for entry in descendants(root, kind))
    return {attribute(entry, "id"): attribute(entry, "name") for entry in entries}


def _text(comment: etree._Element) -> str:
    body = child(comment, "txBody")
    return words(child(comment, "text")).strip() if body is None else " ".join(paragraph_texts(body))
