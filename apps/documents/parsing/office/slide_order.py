"""The order in which the shapes of a slide are read: from top to bottom, and from left to right where they stand side by side.

A file keeps shapes in the order in which they were drawn. ECMA-376, part 1, sections 19.3 and 20.1.7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lxml import etree

from apps.documents.parsing.xml_elements import attribute, child, descendants, local_name


class Box(NamedTuple):
    """Where a shape lies: lengths in the file's units from the upper left corner."""

    top: int
    left: int
    height: int


Places = Mapping[tuple[str, str], Box]
"""Where a layout has its placeholders, by kind and index, and by either alone."""
_PROPERTIES = ("spPr", "grpSpPr")
SHAPES = frozenset({"sp", "grpSp", "graphicFrame", "pic", "cxnSp", "AlternateContent"})
NOWHERE = Box(0, 0, 0)


def in_order(shapes: Sequence[etree._Element], places: Places) -> list[etree._Element]:
    """The shapes as they are read."""
    return ordered(shapes, [_box(shape) or _placeholder_box(shape, places) for shape in shapes])


def ordered(shapes: Sequence[etree._Element], found: Sequence[Box | None]) -> list[etree._Element]:
    """The shapes by where they lie; one of unknown place stays behind the one before it."""
    boxes: list[Box] = []
    for box in found:
        boxes.append(box or (boxes[-1] if boxes else NOWHERE))
    rows: list[list[int]] = []
    for at in sorted(range(len(shapes)), key=lambda at: boxes[at].top):
        first = boxes[rows[-1][0]] if rows else NOWHERE
        if rows and boxes[at].top < first.top + max(first.height // 2, 1):
            rows[-1].append(at)
        else:
            rows.append([at])
    return [shapes[at] for row in rows for at in sorted(row, key=lambda at: boxes[at].left)]


def placeholder_key(shape: etree._Element) -> tuple[str, str] | None:
    """Kind and index of the placeholder that a shape fills; None if it fills none."""
    for properties in shape:
        if local_name(properties).startswith("nv"):
            place = child(properties, "nvPr", "ph")
            return None if place is None else (attribute(place, "type"), attribute(place, "idx"))
    return None


def places_of(layout: etree._Element) -> dict[tuple[str, str], Box]:
    """Where a layout has its placeholders."""
    places: dict[tuple[str, str], Box] = {}
    for shape in descendants(layout, "sp"):
        key, box = placeholder_key(shape), _box(shape)
        if key is not None and box is not None:
            places |= {key: box} | ({("", key[1]): box} if key[1] else {})
            places.setdefault((key[0], ""), box)
    return places


def _placeholder_box(shape: etree._Element, places: Places) -> Box | None:
    key = placeholder_key(shape)
    if key is None:
        return None
    kind, index = key
    return places.get(key) or (places.get(("", index)) if index else None) or places.get((kind or "body", ""))


def _box(shape: etree._Element) -> Box | None:
    if local_name(shape) == "AlternateContent":
        inner = next((one for choice in shape for one in choice if local_name(one) in SHAPES), None)
        return None if inner is None else _box(inner)
    frame = child(shape, "xfrm")
    for name in _PROPERTIES:
        frame = child(shape, name, "xfrm") if frame is None else frame
    offset, extent = child(frame, "off"), child(frame, "ext")
    if offset is None:
        return None
    return Box(_length(attribute(offset, "y")), _length(attribute(offset, "x")), _length(attribute(extent, "cy")))


def _length(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
