"""Equations of office documents in one line (ECMA-376, part 1, section 22.1)."""

from __future__ import annotations

from lxml import etree

from apps.documents.parsing.scripts import lowered, raised
from apps.documents.parsing.xml_elements import attribute, child, children, local_name, words

NOT_SHOWN = frozenset({"del", "moveFrom", "rPr", "ctrlPr"})


def equation_text(parent: etree._Element | None) -> str:
    """The signs of an equation, powers and indices told from what they stand at: "x²", "(a+b)/(2)", "√(x)"."""
    return "".join(map(_part, [] if parent is None else parent))


def _part(element: etree._Element) -> str:
    name = local_name(element)
    match name:
        case "t":
            return words(element)
        case "sSup" | "sSub" | "sSubSup" | "nary":
            base = _operator(element) if name == "nary" else _side(element, "e")
            below = lowered(_side(element, "sub"), after=base[-1:] or None)
            text = f"{base}{below}{raised(_side(element, 'sup'), after=base[-1:] or None)}"
            return f"{text}{_side(element, 'e')}" if name == "nary" else text
        case "f":
            return f"({_side(element, 'num')})/({_side(element, 'den')})"
        case "rad":
            return f"{raised(_side(element, 'deg'), after='x')}√({_side(element, 'e')})"
        case "d":
            opening, closing = _bracket(element, "begChr", "("), _bracket(element, "endChr", ")")
            return f"{opening}{', '.join(map(equation_text, children(element, 'e')))}{closing}"
        case "m" | "eqArr":
            return "; ".join(filter(None, map(_part, element)))
        case _ if not name or name in NOT_SHOWN or name.endswith("Pr"):
            return ""
        case _:
            return equation_text(element)


def _side(element: etree._Element, name: str) -> str:
    return equation_text(child(element, name)).strip()


def _operator(element: etree._Element) -> str:
    sign = child(element, "naryPr", "chr")
    return "∫" if sign is None else attribute(sign)


def _bracket(element: etree._Element, name: str, usual: str) -> str:
    sign = child(element, "dPr", name)
    return usual if sign is None else attribute(sign)
