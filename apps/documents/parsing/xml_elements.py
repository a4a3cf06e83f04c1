"""Finds the way in XML by local names: one format comes in several namespaces, and the names alone tell enough."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; "" for what is no element, such as a processing instruction."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element | None, name: str = "val") -> str:
    """The attribute with this local name, in whichever namespace; "" without one."""
    if element is None:
        return ""
    return next((str(value) for key, value in element.items() if str(key).rpartition("}")[2] == name), "")


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """What lies at the path of local names below `element`, the first of each; None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local_name(inner) == name), None)
    return element


def children(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """The children with this local name."""
    return (inner for inner in ([] if element is None else element) if local_name(inner) == name)


def descendants(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """All elements with this local name below `element`, in the order of the document."""
    return (inner for inner in element.iterdescendants() if local_name(inner) == name)


def words(element: etree._Element | None) -> str:
    """The element's own text; "" without one."""
    return (element.text or "") if element is not None else ""
