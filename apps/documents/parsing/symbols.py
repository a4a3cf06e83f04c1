"""Characters of typefaces that hold signs in the places of letters: Symbol, Wingdings and their kin.

The signs by the mapping that Unicode gave them when it took the sets in (L2/11-196); the commoner of two that look alike.
"""

from __future__ import annotations

import re

TICKED, EMPTY = "☑", "☐"
CROSSED = "☒"
"""A ticked box as Word shows it, where it does not say how."""

# Office writes such a character as itself or in the private use area from here.
PRIVATE = 0xF000
PRIVATE_END = 0xF0FF
FIRST = 0x20
_PRIVATE_USE = re.compile("[\uf020-\uf0ff]")

_SYMBOL = (
    " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
    + " " * 33
    + "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭ "
)
_WINGDINGS = (
    " ✏✂✁👓🔔📖🕯☎✆✉🖃📪📫📬📭📁📂📄🗏🗐🗄⌛⌨🖰🖲💻🖴💾🖬✇✍✎✌👌👍👎☜☞☝☟✋☺😐☹💣☠🏳🏱✈☼💧❄🕆✞🕈✠✡☪☯ॐ☸♈♉♊♋♌♍♎♏♐♑♒♓"
    "🙰&●🔾■☐🞐❑❒⬧⧫◆❖⬥☒⮹⌘🏵🏶“” ⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿🙢🙠🙡🙣🙞🙜🙝🙟·•⚬○🞆🞈◉◎🔿▪☐🟂✦★✶✴✹✵⯐⌖⟡⌑⯑✪✰"
    "🕐🕑🕒🕓🕔🕕🕖🕗🕘🕙🕚🕛⮰⮱⮲⮳⮴⮵⮶⮷🙪🙫🙕🙔🙗🙖🙐🙑🙒🙓⌫⌦⮘➢⮙⮛⮈⮊⮉⮋←→↑↓↖↗↙↘🡸➔🡹🡻🡼🡽🡿🡾⇦⇨⇧⇩⬄⇳⬁⬀⬃⬂▫▪✗✓☒☑⊞"
)
_WINGDINGS_2 = {"O": "✗", "P": "✓", "Q": "☒", "R": "☑", "S": "☒", "T": "☒", "V": "☒", "W": "⊗", "X": "⊗", "\xa3": "☐"}
_WINGDINGS_2 |= {"*": "☐", "0": "☐", "\x99": "☐"}
_WINGDINGS_3 = {
    "f": "←",
    "g": "→",
    "h": "↑",
    "i": "↓",
    "\x84": "◀",
    "\x85": "▶",
    "p": "▲",
    "q": "▼",
    "}": "▶",
    "u": "◀",
}
_WEBDINGS = {
    "a": "✔",
    "r": "✖",
    "c": "☐",
    "g": "■",
    "n": "●",
    "i": "ℹ",
    "4": "▶",
    "3": "◀",
    "5": "▲",
    "6": "▼",
    "=": "∎",
}
_SETS = {
    "symbol": dict(zip(map(chr, range(FIRST, 0x100)), _SYMBOL, strict=True)),
    "wingdings": dict(zip(map(chr, range(FIRST, 0x100)), _WINGDINGS, strict=True)),
    "wingdings 2": _WINGDINGS_2,
    "wingdings 3": _WINGDINGS_3,
    "webdings": _WEBDINGS,
}
UNKNOWN = "■"


def is_symbol_font(font: str) -> bool:
    """Whether the typeface holds signs in the places of letters."""
    return font.strip().casefold() in _SETS


def symbols(text: str, font: str) -> str:
    """The text as it is seen in this typeface; in any but one of signs it is left as it is."""
    signs = _SETS.get(font.strip().casefold())
    if signs is None:
        return text
    return "".join(_sign(character, signs) for character in text)


def bare_private(text: str) -> str:
    """The text with the private characters that a typeface of signs left in another one as Wingdings has them."""
    return _PRIVATE_USE.sub(lambda found: symbols(found[0], "wingdings"), text)


def symbol(code: str, font: str) -> str:
    """The sign at a hexadecimal code ("F0FE") of the typeface; "" for no code."""
    try:
        character = chr(int(code, 16))
    except (ValueError, OverflowError):
        return ""
    return symbols(character, font)


def _sign(character: str, signs: dict[str, str]) -> str:
    if PRIVATE <= ord(character) <= PRIVATE_END:
        character = chr(ord(character) - PRIVATE)
        return signs.get(character, UNKNOWN)
    return signs.get(character, character)
