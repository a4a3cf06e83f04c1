"""Payment cards and bank accounts: numbers that check themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragsite.core.masking.checksums import luhn, mod_97
from ragsite.core.masking.kinds import Find, Kind

CARDS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4, 4, frozenset({13, 16, 19})),
    (51, 55, frozenset({16})),
    (2221, 2720, frozenset({16})),
    (34, 34, frozenset({15})),
    (37, 37, frozenset({15})),
    (6011, 6011, frozenset({16, 19})),
    (644, 649, frozenset({16, 19})),
    (65, 65, frozenset({16, 19})),
    (300, 305, frozenset({14, 16, 19})),
    (36, 36, frozenset({14, 16, 19})),
    (38, 39, frozenset({14, 16, 19})),
    (3528, 3589, frozenset({16, 19})),
    (62, 62, frozenset({16, 17, 18, 19})),
    (5018, 5018, frozenset({16, 18, 19})),
    (5020, 5020, frozenset({16, 18, 19})),
    (5038, 5038, frozenset({16, 18, 19})),
    (6304, 6304, frozenset({16, 18, 19})),
    (6759, 6759, frozenset({16, 18, 19})),
    (6761, 6763, frozenset({16, 18, 19})),
    (2200, 2204, frozenset({16})),
)
"""The first and the last beginning of each range of issuers, and how many digits their numbers have (ISO/IEC 7812)."""

_CARD = re.compile(
    r"[2-6](?<![0-9A-Za-z_+./-].)(?<![0-9][, ].)[0-9]{3}(?:[0-9]{8,15}|(?:[ -]\n?[0-9]{1,6}){2,5})(?![0-9A-Za-z_/-]|[.,][0-9])"
)
_GROUPS = frozenset(
    {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 4, 5), (6, 13), (4, 4, 4, 4, 2)}
)

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""By country, as the registry of ISO 13616 has them."""

_IBAN = re.compile(r"[A-Za-z](?<![0-9A-Za-z_].)[A-Za-z][0-9]{2}(?:[ -]?\n?[0-9A-Za-z]){11,29}")


def card_finds(text: str) -> Iterator[Find]:
    """Numbers that an issuer gives, in one piece or in the groups that stand on cards, whose check digit is right."""
    for match in _CARD.finditer(text):
        groups = re.findall("[0-9]+", match[0])
        if (len(groups) == 1 or tuple(map(len, groups)) in _GROUPS) and _is_card("".join(groups)):
            yield Find(Kind.CARD, *match.span())


def _is_card(digits: str) -> bool:
    issued = any(
        first <= int(digits[: len(str(first))]) <= last and len(digits) in lengths for first, last, lengths in CARDS
    )
    return issued and len(set(digits)) > 1 and luhn(digits)


def iban_finds(text: str) -> Iterator[Find]:
    """International bank account numbers of a country's length that check, in one piece or in groups."""
    for match in _IBAN.finditer(text):
        length = IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        end = _end_of(match[0], length) if length else None
        if end is None:
            continue
        number = re.sub("[ \n-]", "", match[0][:end]).upper()
        goes_on = text[match.start() + end : match.start() + end + 1]
        if not (goes_on.isascii() and goes_on.isalnum()) and mod_97(number[4:] + number[:4]):
            yield Find(Kind.IBAN, match.start(), match.start() + end)


def _end_of(written: str, length: int) -> int | None:
    """Where so many digits and letters end; None where there are fewer."""
    counted = 0
    for at, character in enumerate(written):
        counted += character.isalnum()
        if counted == length:
            return at + 1
    return None
