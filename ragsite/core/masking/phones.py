"""Telephone numbers as people write them: international, with a trunk prefix, North American, or behind a word for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragsite.core.masking.kinds import Find, Kind

_CODES = (
    "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 "
    "90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 "
    "238 239 240 241 242 243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 "
    "268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 "
    "382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 "
    "599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 850 852 853 855 856 "
    "880 886 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998"
)
COUNTRY_CODES = frozenset(_CODES.split())
"""ITU-T E.164, annex; without those of satellites."""

FEWEST, MOST = 7, 15
"""Digits of a whole number (E.164 has 15 at most)."""

_GAP = "[ \u00a0\u2009\u202f./()\u2010-\u2013-]{1,3}"
_END = r"(?![0-9A-Za-z_/:]|[.,-][0-9]|-[A-Za-z]| ?[%€$£°])"


def _number(first: str, rest: str) -> re.Pattern[str]:
    """What stands before is looked at behind the first character, which is found faster so."""
    return re.compile(rf"{first}(?<![0-9A-Za-z_+#=.,:/-].)(?<![0-9][ \u00a0].){rest}{_END}")


_INTERNATIONAL = re.compile(
    rf"[+0(](?<![0-9A-Za-z_+].)(?:(?<=0)0(?=[1-9])|(?<=\+)|(?<=\()(?:\+|00(?=[1-9])))\)?{_GAP.replace('1,3', '0,1')}"
    rf"[1-9][0-9]{{0,14}}(?:{_GAP}[0-9]{{1,14}}){{0,7}}(?![0-9A-Za-z_])"
)
_TRUNK = _number("[(0]", rf"(?:(?<=0)|0)[1-9][0-9]{{0,4}}(?:{_GAP}[0-9]{{2,8}}){{1,5}}")
_MOBILE = _number("0", "(?:1[5-7][0-9]{8,9}|7[1-9][0-9]{8}|6[0-9]{8}|4[0-9]{8}|9[0-9]{9})")
_AMERICAN = _number(
    "[(1-9]",
    r"(?:(?<=1)[ .-](?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])|(?<=\()[2-9][0-9]{2}\) ?|(?<=[2-9])[0-9]{2}[ .-])"
    r"[2-9][0-9]{2}[ .-][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
)
_DIGITS = re.compile(rf"[0-9](?<![0-9A-Za-z_].)[0-9]{{0,14}}(?:{_GAP}[0-9]{{1,12}}){{0,6}}(?![0-9A-Za-z_%])")
_WORD_BEFORE = re.compile(
    r"(?:^|[\W_])(?:tel|telefon|telephone|phone|mobile|mobil|handy|fax|telefax|cell|whatsapp|hotline|durchwahl|rufnummer|tél|"
    r"téléphone|telefono|teléfono|móvil|cellulare|telefone|celular|telefoon|gsm|puhelin|telefonas|τηλ|телефон|тел|"
    r"电话|電話|手机|전화)(?:nummer|number| number| no| nr| num[eé]ro)?[\s:.#=]{0,4}(?:is |at |ist |est )?[(]{0,2}$",
    re.IGNORECASE,
)
BEFORE = 40
"""Characters before a number in which a word for it may stand."""

_DATE = re.compile(
    r"(?<![0-9])(?:[0-3]?[0-9]([./-])[0-3]?[0-9]\1(?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9])(?![0-9])"
)
_PAIRS = re.compile(r"0[1-9](?P<gap>[ .\u00a0-])[0-9]{2}(?:(?P=gap)[0-9]{2}){3}")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[ .\u00a0][0-9]{3})+")


def phone_finds(text: str) -> Iterator[Find]:
    """Telephone numbers, in whichever of these ways they are written."""
    for match in _INTERNATIONAL.finditer(text):
        if _is_international(match[0]):
            yield Find(Kind.PHONE, *match.span())
    for pattern, fewest in ((_TRUNK, 9), (_MOBILE, 10), (_AMERICAN, 10)):
        for match in pattern.finditer(text):
            if _is_national(match[0], fewest):
                yield Find(Kind.PHONE, *match.span())
    for match in _DIGITS.finditer(text):
        start = match.start()
        if _may_be_one(match[0]) and _WORD_BEFORE.search(text[max(0, start - BEFORE) : start]):
            yield Find(Kind.PHONE, start, match.end())


def _digits(written: str) -> str:
    return "".join(one for one in written if one.isdigit())


def _is_international(written: str) -> bool:
    """Behind + or 00 comes a country's code, and what follows is no amount."""
    digits = _digits(written)
    digits = digits.removeprefix("00") if "+" not in written else digits
    is_coded = any(digits[:length] in COUNTRY_CODES for length in (1, 2, 3))
    if not is_coded or not FEWEST + 1 <= len(digits) <= MOST:
        return False
    return not digits.endswith("000000") and not _DATE.search(written)


def _is_national(written: str, fewest: int) -> bool:
    digits = _digits(written)
    if not fewest <= len(digits) <= 12 or len(set(digits)) < 3:
        return False
    return bool(_PAIRS.fullmatch(written)) or not _DATE.search(written)


def _may_be_one(written: str) -> bool:
    """Behind a word for one, what is neither a date, an amount, nor too short."""
    digits = _digits(written)
    return 6 <= len(digits) <= MOST and not _DATE.search(written) and not _THOUSANDS.fullmatch(written)
