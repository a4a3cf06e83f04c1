"""Lines that stand alone: blank ones, entries of lists, rows of tables, headings, commands, code. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.documents.sentences.abbreviations import MONTHS

Part = tuple[int, int, bool]
"""From a character to another one, and whether all of it is taken as it is."""

_PROMPT = r"(?:\$|>>>|[\w.-]+@[\w.-]+:[^\n$#]*[$#]|PS [A-Z]:[^\n>]*>|[A-Z]:\\[^\n>]*>)[ \t]+(?=[^\s\d])"
_ENTRY = (
    r"[-*+•‣◦·▪●○■□☐☑☒✓✗][ \t]|\#{1,6}[ \t]|\d{1,3}[.)][ \t]|\(?[a-z]\)[ \t]|\(\w{1,4}\)[ \t]|[\u2460-\u2473]"
    r"|(?:i{1,3}|iv|vi{1,3}|ix)\.[ \t]+(?=[A-Z])|§+[ \t]?\d|[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[）)]"
)
_BREAK = re.compile(
    rf"(?P<blank>\n[ \t]*\n\s*)|\n(?=[ \t]*(?P<entry>{_ENTRY}|{_PROMPT}))|(?m:^(?P<heading>[ \t]*\#{{1,6}}[ \t][^\n]*\n))"
    rf"|(?m:^(?P<whole>[ \t]*(?:\||{_PROMPT})[^\n]*(?:\n|\Z)))"
)
_FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})(?P<rest>[^\n]*)$", re.MULTILINE)
_NUMBERED = re.compile(r"[ \t]*\d{1,3}\.[ \t]+(?P<word>\w+)")
_OPEN_END = re.compile(
    r"(?:^|\s)(?:am|im|der|dem|den|des|das|die|zum|zur|vom|beim|bis|seit|und|nr\.|abs\.|art\.|no\.|sec\.|p\.|pp\.|s\.|§|ca\.)\s*$",
    re.IGNORECASE,
)


def alone(text: str, start: int, end: int) -> Iterator[Part]:
    """The parts between which sentences never reach, in order; together they are all of the text."""
    position = start
    for first, last in _fences(text, start, end):
        yield from _lines(text, position, first)
        yield first, last, True
        position = last
    yield from _lines(text, position, end)


def _lines(text: str, start: int, end: int) -> Iterator[Part]:
    position = start
    for found in _BREAK.finditer(text, start, end):
        if found["entry"] and _goes_on(text, start, found):
            continue
        if found["heading"] or found["whole"]:
            yield position, found.start(), False
            yield found.start(), found.end(), True
        else:
            yield position, found.end(), False
        position = found.end()
    yield position, end, False


def _goes_on(text: str, start: int, found: re.Match[str]) -> bool:
    """Whether a line that begins with a number only goes on with the one before it, as in "on the\\n3. March"."""
    numbered = _NUMBERED.match(text, found.end())
    if numbered is None:
        return False
    line = text[max(start, found.start() - 24) : found.start()]
    return numbered["word"].casefold() in MONTHS or bool(_OPEN_END.search(line))


def _fences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    if text.find("```", start, end) < 0 and text.find("~~~", start, end) < 0:
        return
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text, start, end):
        if opening is None:
            opening = fence if "`" not in fence["rest"] else None
        elif fence["marks"].startswith(opening["marks"]) and not fence["rest"].strip():
            yield opening.start(), fence.end()
            opening = None
