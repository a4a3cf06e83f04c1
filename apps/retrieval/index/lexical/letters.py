"""One spelling for what people write in several ways: of a text before it becomes words, and of a word without its marks.

`normal` is about what a reader does not see, or takes for the same: width, case, ligatures, invisible characters, digits of
another script, a raised 2. `plain` is about what a keyboard or a hurry leaves out: accents, points and vowel signs, the stroke of
an ø.

    normal("Ｚolprofen™ ١٢٠ 10⁶ infor-\\nmation")  is  "zolprofen  120 10^6 infor-mation"
    plain("łódź"), plain("søknad"), plain("کتاب")  are  "lodz", "soknad", "كتاب"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from apps.documents.languages import STOP_WORDS, script

CAPITALS = "\ue000"
"""Ends a word that was written in capitals where it would be taken for a common one otherwise: WHO, IT, US. It is for private use
in Unicode, so that no word of a text has it.
"""

NAMED_IN_CAPITALS = frozenset({"us"})
"""Words that are no stop words, and so common all the same that what has the same letters in capitals is lost among them."""

_COMMON = NAMED_IN_CAPITALS.union(*STOP_WORDS.values())

_INVISIBLE = (
    *(0x00AD, 0x034F, 0x061C, 0x20E3, 0xFEFF),
    *range(0x180B, 0x180F),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
)
"""Soft hyphens, joiners and their opposites, directions, variants of a glyph."""

_TATWEEL, _OKINAS = 0x0640, (0x02BB, 0x02BC, 0x02BE, 0x02BF)
_ALONE = ("<circle>", "<square>", "<fraction>")
"""What decomposes so is no part of the word or number it touches: ①, ㎏, ½."""

_LAST = 0x20000
"""Behind it are ideographs."""

_SAME = {
    "™": " ", "℠": " ", "℡": " ", "№": " no ", "\u2044": "/", "\u2012": "-", "\u2013": "-", "\u2212": "-", "\u05be": "-",
    "\u058a": "-",
    "٫": ".", "٬": ",", "’": "'",
}  # fmt: skip

_RAISED = {"⁰": "0", "¹": "1", "²": "2", "³": "3", **{chr(0x2070 + digit): str(digit) for digit in range(4, 10)}}
_RAISED_NUMBER = re.compile(rf"(?<=[^\W_])(\u207b?)([{''.join(_RAISED)}]+)")
_RAISED_LETTER = "[\u02b0-\u02b8\u02e0-\u02e4\u1d2c-\u1d6a\u1d78\u1d9b-\u1dbf]"
_BEFORE_RAISED = re.compile(rf"(?<=[^\W_])(?<!{_RAISED_LETTER})(?={_RAISED_LETTER})")
_WITHOUT_JOINING = re.compile(r"(?<=[\u0620-\u06ff])\u200c(?=[\u0620-\u06ff])")
# A pattern that begins with a sign instead of what must stand before it is searched for several times as fast.
_LINE_END = re.compile(r"([-\u2010\u2011\u00ac]|\u00ad)(?<=[^\W\d_].)[ \t]*\r?\n[ \t]*(?=[^\W\d_])")
_CAPITAL = "A-ZÀ-ÖØ-ÞА-ЯЁ"
_DOTTED = re.compile(rf"[{_CAPITAL}](?<!\w.)\.(?:[{_CAPITAL}]\.)*[{_CAPITAL}]\.?(?!\w)")
_ALL_CAPITALS = re.compile(rf"[{_CAPITAL}](?<![^\W_].)[{_CAPITAL}]{{1,7}}(?![^\W_])")


def normal(text: str) -> str:
    """The text with one spelling for what looks alike; words that capitals tell from common ones end with CAPITALS."""
    if "\n" in text:
        text = _LINE_END.sub(lambda end: "" if end[1] == "\u00ad" else "-", text)
    if text.isascii():
        return _marked(text).lower()
    text = _BEFORE_RAISED.sub("^", _RAISED_NUMBER.sub(_power, text))
    text = _WITHOUT_JOINING.sub("-", text).translate(_same())
    return _marked(unicodedata.normalize("NFKC", text)).casefold().replace("ё", "е").replace("l·l", "ll")


def unmarked(text: str) -> str:
    """A text of `normal` without what it marks words by."""
    return text.replace(CAPITALS, "")


def _marked(text: str) -> str:
    dotted = _DOTTED.sub(lambda found: found[0].replace(".", ""), text)
    return _ALL_CAPITALS.sub(lambda found: found[0] + CAPITALS if found[0].casefold() in _COMMON else found[0], dotted)


def _power(found: re.Match[str]) -> str:
    return f"^{'-' if found[1] else ''}{''.join(_RAISED[digit] for digit in found[2])}"


@cache
def _same() -> dict[int, str | None]:
    """By code, what a character is another spelling of; None where it is nothing."""
    same: dict[int, str | None] = dict(_alike())
    same.update({ord(sign): other for sign, other in _SAME.items()})
    return same | dict.fromkeys((*_INVISIBLE, _TATWEEL, *_OKINAS))


def _alike() -> Iterator[tuple[int, str]]:
    """Digits of all scripts, and what stands alone whatever it touches."""
    for code in range(0x80, _LAST):
        sign = chr(code)
        if unicodedata.category(sign) == "Nd":
            yield code, str(unicodedata.decimal(sign))
        elif unicodedata.decomposition(sign).startswith(_ALONE):
            yield code, f" {unicodedata.normalize('NFKC', sign)} ".replace("\u2044", "/")


_STRIPPED = frozenset({"LATIN", "GREEK", "ARABIC", "HEBREW"})
"""Scripts whose letters are told by what is left when all marks are gone."""

_NUKTA = "\u093c"
_LETTERS = str.maketrans(
    {
        **dict(zip("øłđðɖɗħŧıɨȷŋɓƀƙƴƒəǝɛɔ", "olddddhtiijnbbkyfeeeo", strict=True)),
        **{"æ": "ae", "œ": "oe", "þ": "th", "ß": "ss"},
        **dict.fromkeys("ىیې", "ي"),
        **dict.fromkeys("کڪ", "ك"),
        **dict.fromkeys("ہھەةۃ", "ه"),
        "ٱ": "ا",
        "ء": "",
    }
)
"""Letters that don't come apart into one and its mark, and those that one keyboard has and another has not."""


def plain(word: str) -> str:
    """The word, in lower case, without what is often left out; in scripts whose marks are letters only what is beside these."""
    if word.isascii():
        return word
    if script(word) in _STRIPPED:
        return without_marks(word).translate(_LETTERS)
    # A stress mark is left where a letter has none of its own: й stays, за́мок does not.
    return "".join(sign for sign in word if not "\u0300" <= sign <= "\u036f" and sign != _NUKTA).replace("ँ", "ं")


def without_marks(word: str) -> str:
    """The letters alone."""
    return "".join(sign for sign in unicodedata.normalize("NFD", word) if not unicodedata.combining(sign))


def normal_before(text: str) -> str:
    """What the first analysis made of a text; see `analysis.ANALYSES`."""
    if text.isascii():
        return text.lower()
    invisible = dict.fromkeys((0x00AD, 0x200C, 0x200D, 0x2060, 0xFEFF)) | {0x200B: " "}
    return unicodedata.normalize("NFKC", text.translate(invisible)).casefold().replace("ё", "е")


def plain_before(word: str) -> str:
    """What the first analysis made of a word."""
    return word if word.isascii() or script(word) not in _STRIPPED else without_marks(word)
