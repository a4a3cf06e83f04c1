"""Where signs beyond ASCII stand in texts; a reading of bytes that has them elsewhere is a wrong one.

In a text of English words the apostrophe, the dash and the euro may be all that its encoding can be told by.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# So many characters around a sign are looked at.
AROUND = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands before and after a sign; for one that opens a quotation, the signs that close it further on."""

    before: re.Pattern[str]
    after: re.Pattern[str]
    closed_by: str = ""


def _place(before: str, after: str, closed_by: str = "") -> _Place:
    return _Place(re.compile(rf"(?:{before})\Z"), re.compile(after), closed_by)


_START = r"\A|[\s(\[{/\"'„“‘«—–-]"
_END = r"\Z|[\s.,;:!?)\]}/\"'”’»…—–-]"
_OPENS = _place(_START, r"\w|[(¿¡…\"'“‘«„‚€£$-]")
_CLOSES = _place(r"[\w.,;:!?…%)\]'\"’”°²³®™€»]", _END)
# "don’t", "it’s", "we’ll", "l’été", "qu’il", "dell’arte", "O’Brien".
_ELIDED_AFTER = _place(r"[^\W\d_]", rf"(?i:s|t|d|m|ll|re|ve|em|clock)(?:{_END})")
_ELIDED_BEFORE = _place(r"(?:\A|[\W_])(?i:[ldjmnstco]|qu|all|dell|nell|dall|sull|un)", r"[^\W\d_]")
_YEARS = _place(r"\A|\s", r"\d\ds?\b")
_MONEY = (_place(r"\A|[\s(\d./+-]", r"\s?[\d.,-]"), _place(r"\d|[\d.,–-]\s", _END))
_BEFORE_FIGURES = (_place(r"\A|[\s(,;/]", r"\s?\d"),)
_BETWEEN_FIGURES = (_place(r"\d", r"\s?\d"), _place(r"[\w)]\s", r"\s[\w(]"))
_FRACTION = (_place(r"\A|[\s\d(-]", r"\Z|[\s.,;:)\"%-]"),)
_RAISED = (_place(r"\d|(?:\A|[\W\d_])[cdkm]?m", rf"{_END}|[*+=]"),)
PLACES: Mapping[str, tuple[_Place, ...]] = {
    "’": (_ELIDED_AFTER, _ELIDED_BEFORE, _YEARS, _CLOSES),
    "‘": (_place(_START, r"\w", "’"), _place(r"\w|[.,!?…]", _END)),
    "“": (_OPENS, _CLOSES),
    "”": (_CLOSES,),
    "„": (_place(_START, r"\w|[…'‚]", "“”"),),
    "‚": (_place(_START, r"\w", "‘’"),),
    "«": (_place(_START, r"\s?\w", "»"), _place(r"\w\s?|[.!?]", _END)),
    "»": (_CLOSES, _place(r"\w\s", _END), _place(_START, r"\w", "«")),
    "¿": (_OPENS,),
    "¡": (_OPENS,),
    "–": (_place(r"\A|\s", r"\s|\d"), _place(r"\d|[.,!?\"”)]", r"[\w\s]"), _place(r"[a-z]", r"[A-Z\d]|\s")),
    "—": (_place(r"\A|\s", r"[\s\dA-Za-z]"), _place(r"[\w.,!?\"”’)]", r"[\w\s\"“‘(]|\Z")),
    "…": (_place(r"\A|[\w\s.,!?\"'”’]", rf"{_END}"), _place(_START, r"[\s\w]")),
    "•": (_place(r"\A|\s", r"\s"), _place(r"\n", r"\w")),
    "€": _MONEY,
    "£": _MONEY,
    "§": (_place(r"\A|[\s(§]", r"\s?\d|§"),),
    "№": _BEFORE_FIGURES,
    "±": _BEFORE_FIGURES,
    "×": _BETWEEN_FIGURES,
    "÷": _BETWEEN_FIGURES,
    "°": (_place(r"\d\s?", rf"\s?(?:[CFKNSEW]\b|{_END})|\d"),),
    "²": _RAISED,
    "³": _RAISED,
    "½": _FRACTION,
    "¼": _FRACTION,
    "¾": _FRACTION,
    "µ": (_place(r"\A|[\s\d(/]", r"[mgslAVFW]\b|\s|\Z"),),
    "©": (_place(r"\A|[\s(]", r"\s|\d|\Z"),),
    "®": (_place(r"\w|\)", _END),),
    "™": (_place(r"\w|\)", _END),),
    "‰": (_place(r"\d\s?", _END),),
    "º": (_place(r"\d|\bn", _END),),
    "ª": (_place(r"\d", _END),),
}


def stands_well(text: str, at: int) -> bool:
    """Whether the sign at this place of the text stands where people write it."""
    before, after = text[max(0, at - AROUND) : at], text[at + 1 : at + 1 + AROUND]
    return any(
        place.before.search(before) is not None
        and place.after.match(after) is not None
        and (not place.closed_by or any(text.find(close, at + 1) > 0 for close in place.closed_by))
        for place in PLACES.get(text[at], ())
    )
