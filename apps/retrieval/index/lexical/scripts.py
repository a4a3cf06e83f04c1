"""Which characters make words, by script. Unicode's categories decide; the blocks say where words have no spaces."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain

_SPACELESS_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x30FF),  # ideographic marks, Hiragana, Katakana
    (0x3100, 0x318F),  # Bopomofo, Hangul Jamo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xA960, 0xA97F),  # Hangul
    (0xAC00, 0xD7FF),
    (0xF900, 0xFAFF),  # Han
)
_HAN_BLOCKS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_ASTRAL_HAN = "\U00020000-\U0003fffd"


@cache
def _of_categories(categories: str) -> frozenset[int]:
    """The codes of Unicode's basic plane whose category begins with one of the letters."""
    return frozenset(code for code in range(0x10000) if unicodedata.category(chr(code))[0] in categories)


@cache
def _spaceless() -> frozenset[int]:
    blocks = (range(first, last + 1) for first, last in _SPACELESS_BLOCKS)
    return _of_categories("LM").intersection(chain.from_iterable(blocks))


def _ranges(codes: Iterable[int]) -> str:
    """The codes as the inside of a regular expression's character class."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in runs)


def spaceless_class() -> str:
    """Letters and marks of scripts that put no spaces between words, or, in Korean, few."""
    return _ranges(_spaceless()) + _ASTRAL_HAN


def spaced_class() -> str:
    """Letters, marks and digits of all other scripts in Unicode's basic plane."""
    return _ranges(_of_categories("LMN") - _spaceless())


def mark_class() -> str:
    """Marks that belong to the character before them."""
    return _ranges(_of_categories("M"))


def han_class() -> str:
    """Ideographs, of which one alone can be a word."""
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in _HAN_BLOCKS) + _ASTRAL_HAN
