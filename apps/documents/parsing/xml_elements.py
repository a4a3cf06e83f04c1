"""Finds the way in XML by local names: one format comes in several namespaces, and the names alone tell enough."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

ANY_NAMESPACE = "{*}"
"""Before a local name: lxml compares the names itself, and makes no objects of elements that have others."""


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; "" for what is no element, such as a processing instruction."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: etree._Element | None, name: str = "val") -> str:
    """The attribute with this local name, in whichever namespace; "" without one."""
    if element is not None:
        for key, value in element.items():
            if str(key).rpartition("}")[2] == name:
                return str(value)
    return ""


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """What lies at the path of local names below `element`, the first of each; None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren(ANY_NAMESPACE + name), None)
    return element


def children(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """The children with this local name."""
    return iter(()) if element is None else element.iterchildren(ANY_NAMESPACE + name)


def descendants(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """All elements with this local name below `element`, in the order of the document."""
    return element.iterdescendants(ANY_NAMESPACE + name)


def words(element: etree._Element | None) -> str:
    """The element's own text; "" without one."""
    return (element.text or "") if element is not None else ""
