"""How a place in a list is written: in figures, in letters, as a Roman numeral and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")),
    *((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
LARGEST_ROMAN = 3_999
LATIN = "abcdefghijklmnopqrstuvwxyz"
RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_HAN = "〇一二三四五六七八九"
_TENS = 10
_HUNDRED = 100
_CIRCLES = 20
_TEENS = range(11, 14)
MOST_LETTERS = 20


class Numeral(StrEnum):
    """A way to write a number."""

    DECIMAL = "decimal"
    TWO_DIGITS = "two digits"
    LOWER_LETTER = "lower letter"
    UPPER_LETTER = "upper letter"
    LOWER_ROMAN = "lower Roman"
    UPPER_ROMAN = "upper Roman"
    LOWER_RUSSIAN = "lower Russian"
    UPPER_RUSSIAN = "upper Russian"
    LOWER_GREEK = "lower Greek"
    ORDINAL = "ordinal"
    CIRCLED = "circled"
    HAN = "Han"
    FULL_WIDTH = "full width"
    DASHED = "dashed"


def numeral(number: int, kind: Numeral, *, repeats_letters: bool = False) -> str:
    """The number in this notation, in figures where the notation has no sign for it.

    After z, letters go on with aa and ab, or with aa and bb if `repeats_letters`.
    """
    if number < 1 and kind is not Numeral.TWO_DIGITS:
        return str(number)
    letters = _LETTERS.get(kind)
    if letters is not None:
        return _repeated(number, letters) if repeats_letters else _lettered(number, letters)
    return _WRITTEN[kind](number)


def roman(number: int) -> str:
    """The number as a capital Roman numeral; in figures past 3,999."""
    if not 0 < number <= LARGEST_ROMAN:
        return str(number)
    text = ""
    for value, sign in _ROMAN:
        count, number = divmod(number, value)
        text += sign * count
    return text


def _lettered(number: int, letters: str) -> str:
    text = ""
    while number > 0:
        number, at = divmod(number - 1, len(letters))
        text = letters[at] + text
    return text


def _repeated(number: int, letters: str) -> str:
    times, at = divmod(number - 1, len(letters))
    return letters[at] * min(times + 1, MOST_LETTERS)


def _ordinal(number: int) -> str:
    is_teen = number % _HUNDRED in _TEENS
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % _TENS, 'th')}"


def _circled(number: int) -> str:
    return chr(ord("①") + number - 1) if number <= _CIRCLES else str(number)


def _han(number: int) -> str:
    if number >= _HUNDRED:
        return "".join(_HAN[int(digit)] for digit in str(number))
    tens, ones = divmod(number, _TENS)
    return ("" if not tens else "十" if tens == 1 else f"{_HAN[tens]}十") + (_HAN[ones] if ones else "")


def _full_width(number: int) -> str:
    return "".join(chr(ord("０") + int(digit)) for digit in str(number))


_LETTERS: Mapping[Numeral, str] = {
    Numeral.LOWER_LETTER: LATIN,
    Numeral.UPPER_LETTER: LATIN.upper(),
    Numeral.LOWER_RUSSIAN: RUSSIAN,
    Numeral.UPPER_RUSSIAN: RUSSIAN.upper(),
    Numeral.LOWER_GREEK: GREEK,
}
_WRITTEN: Mapping[Numeral, Callable[[int], str]] = {
    Numeral.DECIMAL: str,
    Numeral.TWO_DIGITS: "{:02}".format,
    Numeral.LOWER_ROMAN: lambda number: roman(number).lower(),
    Numeral.UPPER_ROMAN: roman,
    Numeral.ORDINAL: _ordinal,
    Numeral.CIRCLED: _circled,
    Numeral.HAN: _han,
    Numeral.FULL_WIDTH: _full_width,
    Numeral.DASHED: "- {} -".format,
}
