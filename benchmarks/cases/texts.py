"""Whether a parsed text says what it should, however it is marked up."""

from __future__ import annotations

import html
import json
import re
import string
import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

Wanted: TypeAlias = str | dict[str, str] | list["Wanted"]
"""A text, `{"re": pattern}`, or several of which one is enough."""

INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
ESCAPE = re.compile(rf"\\([{re.escape(string.punctuation)}])")
MARK = r"(?:\*\*|__|[*`])"
EMPHASIS = re.compile(rf"(?<!\w){MARK}(?=\S)|(?<=\S){MARK}(?!\w)")
SHOWN_CHARACTERS = 90


def folded(text: str) -> str:
    """With single spaces and composed letters, and without what shows nothing."""
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def unescaped(text: str) -> str:
    """With the characters that entities of HTML and backslashes of Markdown stand for."""
    return ESCAPE.sub(r"\1", html.unescape(text))


def readings(text: str) -> list[str]:
    """The text as different readers see it: as it stands, and without entities, then escapes, then marks of emphasis."""
    plain = unescaped(text)
    return list(dict.fromkeys(map(folded, (text, html.unescape(text), plain, EMPHASIS.sub("", plain)))))


def is_in(wanted: Wanted, seen: Sequence[str]) -> bool:
    """Whether one of the readings has it."""
    if isinstance(wanted, list):
        return any(is_in(one, seen) for one in wanted)
    if isinstance(wanted, dict):
        return any(re.search(wanted["re"], one) for one in seen)
    return any(folded(wanted) in one for one in seen)


def wrong_words(text: str, contains: Sequence[Wanted], lacks: Sequence[Wanted] = ()) -> str:
    """Which of the words that belong there are missing, and which others are there; empty if all is well."""
    seen = readings(text)
    missing = [f"lacks {shown(one)}" for one in contains if not is_in(one, seen)]
    return "; ".join([*missing, *(f"has {shown(one)}" for one in lacks if is_in(one, seen))])


def wrong_order(text: str, texts: Sequence[str]) -> str:
    """The first of the texts that does not follow the one before; empty if, in one of the readings, all do."""
    misplaced = [_first_misplaced(one, [folded(each) for each in texts]) for one in readings(text)]
    return "" if "" in misplaced else f"{shown(misplaced[-1])} is missing or stands too early"


def shown(value: object, most: int = SHOWN_CHARACTERS) -> str:
    """A value in a message, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= most else f"{text[: most - 1]}…")


def _first_misplaced(text: str, wanted: Sequence[str]) -> str:
    at = 0
    for one in wanted:
        found = text.find(one, at)
        if found < 0:
            return one
        at = found + len(one)
    return ""
