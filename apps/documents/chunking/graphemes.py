"""What people take for one character: a letter with its marks, a family of faces, a flag, a syllable (Unicode's UAX 29)."""

from __future__ import annotations

import unicodedata

import regex

_GRAPHEME = regex.compile(r"\X")
_JOINER = "\u200d"


def grapheme_before(text: str, start: int, at: int) -> int:
    """The last place up to `at` where a piece that begins at `start` can be cut; `at` itself where there is none after `start`.

    No character that is a mark stands after it: the standard parts some marks of Burmese from their letters.
    """
    if at >= len(text) or (text[at - 1] < "\x7f" and text[at] < "\x7f"):
        return at
    places = [found.end() for found in _GRAPHEME.finditer(text, start, min(len(text), at + 1))]
    # The last one reaches as far as it was looked at.
    whole = (place for place in reversed(places[:-1]) if place <= at and not _is_mark(text[place]))
    return next(whole, at)


def _is_mark(sign: str) -> bool:
    return sign == _JOINER or unicodedata.category(sign)[0] == "M"
