"""What the controls of an HTML form show, and which elements stand apart from what is beside them."""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

from apps.documents.parsing.symbols import EMPTY, TICKED

CHOSEN, FREE = "◉", "○"
# Controls and keys: their words are never part of the word beside them.
_APART_NAMES = "button input kbd label meter option optgroup output progress select textarea"
APART = frozenset(_APART_NAMES.split())
# Controls that show something without having it as their text.
SHOWING = frozenset({"input", "option", "optgroup"})
# Directly beside another of its kind these are two things, such as two entries of a menu.
_SIDE_BY_SIDE = frozenset({"a", "span", "small", "b", "strong", "em", "i"})
_BOXES = frozenset({"checkbox", "menuitemcheckbox", "switch"})
_CHOICES = frozenset({"radio", "menuitemradio"})
_WITHOUT_WORDS = frozenset({"hidden", "password", "image", "file", "color"})
_APART_STYLE = re.compile(
    r"(?:display\s*:\s*(?:inline-)?(?:block|flex|grid|table)|float\s*:\s*(?:left|right))", re.IGNORECASE
)
_FLEX_STYLE = re.compile(r"display\s*:\s*(?:inline-)?(?:flex|grid)", re.IGNORECASE)
_APART_CLASS = re.compile(
    r"(?:^|[\s_-])(?:badge|btn|button|chip|pill|tag|label|tab|col|d-block|inline-block)(?:$|[\s_-])", re.IGNORECASE
)
_FLEX_CLASS = re.compile(
    r"(?:^|\s)(?:d-)?(?:inline-)?(?:flex|grid|row|btn-group|tabs|chips|badges|tags)(?:$|\s)", re.IGNORECASE
)
# Word and other editors cut words into spans as they please.
_EDITOR_STYLE = re.compile(r"mso-|^\s*(?:font|color|background|letter-spacing)", re.IGNORECASE)
# Scripts that write words without spaces: a gap would cut a word of them.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def stands_apart(element: etree._Element) -> bool:
    """Whether an inline element is shown apart from what stands beside it: a control, a box, an item of a row of boxes."""
    if element.tag in APART:
        return True
    style, names = element.get("style"), element.get("class")
    if (style and _is_apart_style(style)) or (names and _is_apart_class(names)):
        return True
    parent = element.getparent()
    return parent is not None and _is_row_of_boxes(parent.get("style"), parent.get("class"))


# A page uses few classes and styles, each of them often.
@lru_cache(maxsize=2_000)
def _is_apart_style(style: str) -> bool:
    return _APART_STYLE.search(style) is not None


@lru_cache(maxsize=2_000)
def _is_apart_class(names: str) -> bool:
    return _APART_CLASS.search(names) is not None


@lru_cache(maxsize=2_000)
def _is_row_of_boxes(style: str | None, names: str | None) -> bool:
    """Whether an element with this style lays its children out side by side."""
    return bool((style and _FLEX_STYLE.search(style)) or (names and _FLEX_CLASS.search(names)))


def follows_its_like(element: etree._Element, *, is_in_cell: bool, last: str) -> bool:
    """Whether nothing stands between the element and another of its kind before it that is a thing of its own.

    That is so for links, and for spans in a cell of a table; but not where words are written without spaces.
    """
    if element.tag not in _SIDE_BY_SIDE or not last.isalnum() or _UNSPACED.match(last):
        return False
    before = element.getprevious()
    if before is None or before.tag != element.tag or before.tail:
        return False
    return element.tag == "a" or (is_in_cell and not _EDITOR_STYLE.search(element.get("style", "")))


def shown(element: etree._Element) -> str:
    """What a control without words of its own shows: its value, or whether it is ticked; "" where that is nothing."""
    if element.tag == "input":
        return _input(element)
    if element.tag == "option":
        return _option(element)
    if element.tag == "optgroup":
        return element.get("label", "")
    role = element.get("role")
    state = element.get("aria-checked") if role else None
    return _box(role or "", state == "true") if state in {"true", "false"} else ""


def _input(element: etree._Element) -> str:
    kind = element.get("type", "text").strip().lower()
    if kind in _WITHOUT_WORDS:
        return ""
    return _box(kind, element.get("checked") is not None) or element.get("value", "")


def _option(element: etree._Element) -> str:
    """A box before each choice of a list in which one is chosen; else the page does not say which one is."""
    choices = next(element.iterancestors("select"), None)
    if choices is None or not any(one.get("selected") is not None for one in choices.iterdescendants("option")):
        return ""
    return _box("checkbox", element.get("selected") is not None)


def _box(kind: str, is_on: bool) -> str:
    if kind in _CHOICES:
        return CHOSEN if is_on else FREE
    return (TICKED if is_on else EMPTY) if kind in _BOXES else ""
