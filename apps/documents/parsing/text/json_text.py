"""The text of JSON values: a line for each, below the names that lead to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apps.documents.parsing.building import DocumentBuilder, list_indent
from apps.documents.parsing.types import Place, PlaceKind

# A value is one place to point at up to about this many characters; a longer one is taken apart.
CHARACTERS_A_SECTION = 1_000
_WORDS = {True: "true", False: "false", None: "null"}


class JsonWriter:
    """Hands a value to the builder, in sections that have their JSON pointers (RFC 6901).

    An object or array whose text is short is one section. Of a longer one each inner object or array is a section of
    its own, under the names that lead to it, and the plain values between them are sections of the outer one.
    """

    def __init__(self, builder: DocumentBuilder, *, line: int | None = None) -> None:
        self._builder = builder
        self._line = line

    def write(self, value: Any, *, pointer: str = "", names: tuple[str, ...] = ()) -> None:
        """The value at `pointer`, under the headings `names`."""
        if is_short(value):
            self._section(lines_of(value), pointer, names)
            return
        plain: list[tuple[str, Any]] = []
        for name, inner in _members(value):
            if isinstance(inner, dict | list) and inner:
                self._plain_values(plain, value, pointer, names)
                heading = (name,) if isinstance(value, dict) else ()
                self.write(inner, pointer=f"{pointer}/{_escaped(name)}", names=(*names, *heading))
            else:
                plain.append((name, inner))
        self._plain_values(plain, value, pointer, names)

    def _plain_values(self, plain: list[tuple[str, Any]], outer: Any, pointer: str, names: tuple[str, ...]) -> None:
        shown = dict(plain) if isinstance(outer, dict) else [inner for _, inner in plain]
        if shown:
            self._section(lines_of(shown), pointer, names)
        plain.clear()

    def _section(self, lines: Iterator[str], pointer: str, names: tuple[str, ...]) -> None:
        self._builder.place(Place(PlaceKind.POINTER, self._line, pointer))
        self._builder.under(*names)
        for line in lines:
            self._builder.line(line)


def lines_of(value: Any, depth: int = 0) -> Iterator[str]:
    """The value in lines such as "name: Ann", indented by their depth; array items begin with a dash."""
    if not isinstance(value, dict | list):
        yield _word(value)
        return
    for name, inner in _members(value):
        label = f"{list_indent(depth)}{f'{name}: ' if isinstance(value, dict) else '- '}"
        if isinstance(inner, dict | list) and inner:
            yield label.rstrip()
            yield from lines_of(inner, depth + 1)
        else:
            yield f"{label}{_word(inner)}"


def is_short(value: Any) -> bool:
    """Whether the value's text has few enough characters for one section; long values are not looked at in full."""
    left = CHARACTERS_A_SECTION
    waiting = [value]
    while waiting and left >= 0:
        inner = waiting.pop()
        if isinstance(inner, dict | list):
            left -= len(inner)
            if left >= 0:
                waiting.extend(inner.values() if isinstance(inner, dict) else inner)
                left -= sum(map(len, inner)) if isinstance(inner, dict) else 0
        else:
            left -= len(_word(inner))
    return left >= 0 or not isinstance(value, dict | list)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    else:
        yield from ((str(index), inner) for index, inner in enumerate(value))


def _word(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    return value if isinstance(value, str) else _WORDS[value]


def _escaped(name: str) -> str:
    """The name as a pointer's token: RFC 6901, section 3."""
    return name.replace("~", "~0").replace("/", "~1")
