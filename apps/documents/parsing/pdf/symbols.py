"""Characters of typefaces that hold signs in the places of letters, where the PDF doesn't say what they are.

PDFium knows the signs of Symbol and ZapfDingbats; of Wingdings and its kin it gives private characters or letters.
"""

from __future__ import annotations

import re

from apps.documents.parsing.pdf.letters import Letters
from apps.documents.parsing.symbols import bare_private, is_symbol_font, symbols

_PRIVATE = re.compile("[\uf020-\uf0ff]")
# Letters in the places of ticks, boxes and bullets, which stand alone.
_LETTERS = frozenset("üþ¨qonlmrvxwûýØ§à£PRTSO")
_MAY_BE_SIGNS = re.compile(rf"(?:^|(?<=\s))[{''.join(sorted(_LETTERS))}](?!\S)")
MOST_SIGNS = 5_000
_SUBSET = re.compile(r"\A[A-Z]{6}\+")
_FAMILY = re.compile(r"(wingdings|webdings|symbol)\W*([23]?)", re.IGNORECASE)


def signs_shown(letters: Letters) -> str:
    """The page's text, each sign in it as what it looks like; as many characters as it has."""
    is_private = not letters.text.isascii() and _PRIVATE.search(letters.text) is not None
    if not is_private and _LETTERS.isdisjoint(letters.text.split()):
        return letters.text
    found = [*_PRIVATE.finditer(letters.text), *_MAY_BE_SIGNS.finditer(letters.text)]
    shown = list(letters.text)
    for sign in found[:MOST_SIGNS]:
        family = family_of(letters.font(sign.start()))
        told = symbols(sign[0], family) if is_symbol_font(family) else bare_private(sign[0])
        shown[sign.start()] = told if len(told) == 1 else sign[0]
    return "".join(shown)


def family_of(font: str) -> str:
    """The typeface that a font of a PDF is of: "wingdings 2" for "ABCDEF+Wingdings2-Regular"."""
    family = _FAMILY.match(_SUBSET.sub("", font))
    return f"{family[1]} {family[2]}".strip().casefold() if family else ""
