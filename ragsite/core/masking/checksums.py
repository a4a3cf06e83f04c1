"""The check digits of numbers. Each takes digits, or digits and letters where it says so, and tells whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

DIGITS_AND_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# The dihedral group of order 10, and what each place does to a digit.
_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PLACES = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = sum(map(int, digits[-1::-2]))
    return (total + sum(sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])) % 10 == 0


def verhoeff(digits: str) -> bool:
    """Verhoeff (1969), as Aadhaar numbers have it."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_D5[check][int(_PLACES[place % 8][int(digit)])])
    return check == 0


def mod_97(text: str) -> bool:
    """ISO/IEC 7064, mod 97-10, of digits and capital letters."""
    return int("".join(str(DIGITS_AND_LETTERS.index(one)) for one in text)) % 97 == 1


def mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064, mod 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def mod_11_2(text: str) -> bool:
    """ISO/IEC 7064, mod 11-2: the last character is a digit or X."""
    total = 0
    for digit in text[:-1]:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11] == text[-1].upper()


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of the first digits, each times its weight."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_short_date(two_digits: int, month: int, day: int) -> bool:
    """Whether there is such a day in a year that ends so, in this century or the last one."""
    return is_date(1900 + two_digits, month, day) or is_date(2000 + two_digits, month, day)
