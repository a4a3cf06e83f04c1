"""National numbers of persons: how each is written, what it must check to, and whether a word must say what it is.

A number that any order or article could have by chance counts only behind a word for it; one with a shape or a check of its own
counts by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ragsite.core.masking.checksums import (
    is_date,
    is_short_date,
    luhn,
    mod_11_2,
    mod_11_10,
    verhoeff,
    weighted,
)
from ragsite.core.masking.kinds import Find, Kind

BEFORE = 48
"""Characters before a number in which a word for it may stand."""


@dataclass(frozen=True, slots=True)
class NationalNumber:
    """`pattern` is how it is written; `is_valid` is told its digits and letters alone. With `word` one of these must stand
    before it; with `loosely` as well, that writing of it counts too behind the word.
    """

    name: str
    pattern: re.Pattern[str]
    is_valid: Callable[[str], bool]
    word: re.Pattern[str] | None = None
    loosely: re.Pattern[str] | None = None


def national_finds(text: str) -> Iterator[Find]:
    """The national numbers in the text."""
    for number in NUMBERS:
        yield from _written(text, number, number.pattern, number.word if number.loosely is None else None)
        if number.loosely is not None:
            yield from _written(text, number, number.loosely, number.word)


def _written(
    text: str, number: NationalNumber, pattern: re.Pattern[str], word: re.Pattern[str] | None
) -> Iterator[Find]:
    for match in pattern.finditer(text):
        start, end = match.span()
        if word is not None and not word.search(text, max(0, start - BEFORE), start):
            continue
        if number.is_valid(_NOT_PART.sub("", match[0]).upper()):
            yield Find(Kind.NATIONAL_ID, start, end)


_NOT_PART = re.compile(r"[^0-9A-Za-z]")
_EDGE, _END = "(?<![0-9A-Za-z_+/-].)(?<![0-9][.,].)", "(?![0-9A-Za-z_/+-]|[.,][0-9])"
"""Of a number that nothing goes on with on either side; the edge stands behind the first character, which is found faster so."""


def _shape(first: str, rest: str) -> re.Pattern[str]:
    return re.compile(f"{first}{_EDGE}{rest}{_END}")


def _words(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


def _us_social_security(digits: str) -> bool:
    """SSA: no area 000, 666 or from 900 on, no group 00, no serial 0000; and not the ones known from advertisements."""
    area = int(digits[:3])
    known = digits in {"078051120", "219099999", "123456789"}
    return area not in {0, 666} and area < 900 and digits[3:5] != "00" and digits[5:] != "0000" and not known


def _uk_insurance(text: str) -> bool:
    return text[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _nhs(digits: str) -> bool:
    check = -weighted(digits[:9], range(10, 1, -1)) % 11
    return check == int(digits[9]) and len(set(digits)) > 1


def _german_tax(digits: str) -> bool:
    """Of the first ten digits one comes twice or three times, all others once at most."""
    counts = sorted((digits[:10].count(one) for one in set(digits[:10])), reverse=True)
    return counts[0] in {2, 3} and counts[1] == 1 and mod_11_10(digits)


def _german_insurance(text: str) -> bool:
    """VKVV § 4: the letter counts as two digits, and of each product the sum of digits counts."""
    digits = f"{text[:8]}{ord(text[8]) - 64:02}{text[9:]}"
    products = (int(d) * w for d, w in zip(digits, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=False))
    day = int(text[2:4]) % 50 if int(text[2:4]) > 50 else int(text[2:4])
    is_right = sum(sum(divmod(one, 10)) for one in products) % 10 == int(text[11])
    return is_right and is_short_date(int(text[6:8]), int(text[4:6]), day)


def _french(text: str) -> bool:
    number = text[:13].replace("2A", "19").replace("2B", "18")
    month = int(number[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(number) % 97 == int(text[13:])


def _spanish(text: str) -> bool:
    """Of residents who are no citizens a letter stands for the first digit."""
    number = text[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


_ODD = dict(
    zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True),
    **dict(
        zip(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
            strict=True,
        )
    ),
)


def _italian(text: str) -> bool:
    """D.M. 23/12/1976: characters at odd places by a table, at even ones by what they are."""
    odd = sum(_ODD[one] for one in text[:15:2])
    even = sum(int(one) if one.isdigit() else ord(one) - 65 for one in text[1:15:2])
    return chr(65 + (odd + even) % 26) == text[15]


def _dutch(digits: str) -> bool:
    return weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and digits != "000000000"


def _polish(digits: str) -> bool:
    """The century is in the month."""
    century, month = divmod(int(digits[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(digits[:2])
    check = -weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return is_date(year, month, int(digits[4:6])) and check == int(digits[10])


def _swedish(digits: str) -> bool:
    """Of a coordination number the day has 60 more."""
    short, century = digits[-10:], digits[:-10]
    day = int(short[4:6])
    return (
        century in {"", "19", "20"}
        and luhn(short)
        and is_short_date(int(short[:2]), int(short[2:4]), day - 60 if day > 60 else day)
    )


def _belgian(digits: str) -> bool:
    """97 less the rest; of who was born from 2000 on a 2 stands before."""
    number, check = int(digits[:9]), int(digits[9:])
    return check in {97 - number % 97, 97 - (2_000_000_000 + number) % 97} and int(digits[2:4]) % 20 <= 12


def _brazilian(digits: str) -> bool:
    first = weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and (first, second) == (int(digits[9]), int(digits[10]))


def _chinese(text: str) -> bool:
    return mod_11_2(text) and is_date(int(text[6:10]), int(text[10:12]), int(text[12:14]))


def _japanese(digits: str) -> bool:
    rest = weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


_NO_CHECK_SINCE = 202010
"""Korean numbers given since October 2020 have random digits behind the first of the second part."""


def _korean(digits: str) -> bool:
    century = {"1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}[digits[6]]
    year, month = century + int(digits[:2]), int(digits[2:4])
    check = (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    is_right = check == int(digits[12]) or year * 100 + month >= _NO_CHECK_SINCE
    return is_right and is_date(year, month, int(digits[4:6]))


NUMBERS = (
    NationalNumber(
        "US social security number",
        _shape("[0-9]", "[0-9]{2}-[0-9]{2}-[0-9]{4}"),
        _us_social_security,
        _words(r"\bssn\b", "social security"),
        _shape("[0-9]", "[0-9]{2}[ -]?[0-9]{2}[ -]?[0-9]{4}"),
    ),
    NationalNumber(
        "UK national insurance number",
        _shape("[A-CEGHJ-PR-TW-Z]", "[A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]"),
        _uk_insurance,
    ),
    NationalNumber(
        "NHS number",
        _shape("[0-9]", "[0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}"),
        _nhs,
        _words(r"\bnhs\b"),
    ),
    NationalNumber("German tax number", _shape("[1-9]", "[0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}"), _german_tax),
    NationalNumber(
        "German social insurance number", _shape("[0-9]", "[0-9] ?[0-9]{6} ?[A-Z] ?[0-9]{3}"), _german_insurance
    ),
    NationalNumber(
        "French social security number",
        _shape("[1-478]", " ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"),
        _french,
    ),
    NationalNumber("Spanish identity number", _shape("[0-9XYZ]", "-?[0-9]{7}[- ]?[A-HJ-NP-TV-Z]"), _spanish),
    NationalNumber(
        "Italian tax code",
        _shape("[A-Z]", "[A-Z]{5} ?[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2} ?[A-Z][0-9L-NP-V]{3}[A-Z]"),
        _italian,
    ),
    NationalNumber(
        "Dutch citizen service number",
        _shape("[0-9]", "(?:[0-9]{3}[. ]?[0-9]{2}|[0-9]{2}[. ]?[0-9]{3})[. ]?[0-9]{3}"),
        _dutch,
        _words(r"\bbsn\b", "burgerservice", "sofi-?nummer"),
    ),
    NationalNumber("Polish PESEL", _shape("[0-9]", "[0-9]{10}"), _polish),
    NationalNumber(
        "Swedish personal number",
        _shape("[0-9]", "[0-9]{5}(?:[0-9]{2})?[-+][0-9]{4}"),
        _swedish,
        _words("personnummer", "samordningsnummer", r"\bpnr\b", "personal identity number"),
        _shape("[0-9]", "[0-9]{5}(?:[0-9]{2})?[-+]?[0-9]{4}"),
    ),
    NationalNumber(
        "Belgian national number",
        _shape("[0-9]", r"[0-9][. ]?[0-9]{2}[. ]?[0-9]{2}[- ]?[0-9]{3}[. ]?[0-9]{2}"),
        _belgian,
    ),
    NationalNumber("Brazilian CPF", _shape("[0-9]", r"[0-9]{2}[.]?[0-9]{3}[.]?[0-9]{3}-?[0-9]{2}"), _brazilian),
    NationalNumber(
        "Indian Aadhaar number",
        _shape("[2-9]", "[0-9]{3}[ -][0-9]{4}[ -][0-9]{4}"),
        verhoeff,
        _words("aadha+r", r"\buid(?:ai)?\b", "आधार"),
        _shape("[2-9]", "[0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}"),
    ),
    NationalNumber("Chinese resident number", _shape("[1-9]", "[0-9]{16}[0-9Xx]"), _chinese),
    NationalNumber(
        "Japanese My Number",
        _shape("[0-9]", "[0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}"),
        _japanese,
        _words("my ?number", "マイナンバー", "個人番号"),
    ),
    NationalNumber("Korean resident number", _shape("[0-9]", "[0-9]{5}-[1-8][0-9]{6}"), _korean),
)
