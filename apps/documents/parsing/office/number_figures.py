"""Figures by a number format: padded, grouped, scaled, as a percentage, as a fraction or with an exponent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import partial
from math import floor, log10

from apps.documents.parsing.office.number_tokens import Token

PRECISE_DIGITS = 15
# Beyond, figures are shown plainly: no sheet is wide enough.
LARGEST = 1e40
PRECISION = 80
LARGEST_QUICK = 1e9
MOST_PLACES = 30
LARGEST_DENOMINATOR = 100_000
_POINT, _COMMA, _PERCENT, _BAR = (Token("sign", sign) for sign in ".,%/")


# Makes a figure that is a half in 15 digits one that is no less in binary, so that it is rounded up, as in a sheet.
_NO_LESS = 1 + 1e-15


def figures_by(tokens: Sequence[Token]) -> Callable[[float], str]:
    """What shows numbers as these tokens say, a minus first."""
    layout = _Layout.of(tokens)
    digits = [tokens[at].text for at in (*layout.whole, *layout.places)]
    is_odd = _BAR in tokens or any(token.kind in {"exponent", "general"} for token in tokens)
    pattern = "".join(tokens[at].text for at in layout.places)
    is_split = len(layout.places) > 1 or (len(layout.whole) > 1 and not layout.is_grouped)
    if is_odd or is_split or not layout.whole or set(pattern) - {"0"} or not digits:
        return partial(_shown_by_tokens, tokens)
    return _usual(tokens, layout, places=len(pattern))


def _usual(tokens: Sequence[Token], layout: _Layout, *, places: int) -> Callable[[float], str]:
    """The quick way for what most formats are: figures in one piece between a sign and a unit."""
    last = layout.places[-1] if layout.places else layout.whole[-1]
    before = "".join(token.text for token in tokens[: layout.whole[0]] if token != _COMMA)
    after = "".join(token.text for token in tokens[last + 1 :] if token not in {_COMMA, _POINT})
    whole = "".join(tokens[at].text for at in layout.whole)
    least = len(whole) - whole.index("0") if "0" in whole else 0
    width = least + (places + 1 if places else 0) if least > 1 else 0
    factor = 100 ** tokens.count(_PERCENT) / 1_000**layout.thousands * _NO_LESS
    spec = f"{',' if layout.is_grouped else ''}.{places}f"

    def shown(number: float) -> str:
        if abs(number) > LARGEST_QUICK:
            return _shown_by_tokens(tokens, number)
        figures = format(abs(number) * factor, spec).zfill(width)
        sign = "-" if number < 0 and figures.strip("0,.") else ""
        return f"{sign}{before}{figures.removeprefix('0') if not least else figures}{after}"

    return shown


def _shown_by_tokens(tokens: Sequence[Token], number: float) -> str:
    if abs(number) > LARGEST:
        return f"{number:.{PRECISE_DIGITS}g}"
    if _BAR in tokens and (fraction := _fraction(tokens, number)):
        return fraction
    with localcontext(prec=PRECISION):
        value = Decimal(f"{abs(number):.{PRECISE_DIGITS}g}") * 100 ** tokens.count(_PERCENT)
        at = next((at for at, token in enumerate(tokens) if token.kind == "exponent"), None)
        text = _plain(tokens, value) if at is None else _scientific(tokens, at, value)
    return f"-{text}" if number < 0 and any(sign in text for sign in "123456789") else text


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a format has its figures: the places before the point and behind it, and the commas."""

    whole: tuple[int, ...]
    places: tuple[int, ...]
    point: int | None
    is_grouped: bool
    thousands: int

    @classmethod
    def of(cls, tokens: Sequence[Token]) -> _Layout:
        digits = [at for at, token in enumerate(tokens) if token.kind == "digits"]
        point = next((at for at, token in enumerate(tokens) if token == _POINT and digits), None)
        whole = tuple(at for at in digits if point is None or at < point)
        places = tuple(at for at in digits if point is not None and at > point)
        commas = [at for at, token in enumerate(tokens) if token == _COMMA]
        is_grouped = any(whole and whole[0] < at < whole[-1] for at in commas)
        ends = {group[-1] for group in (whole, places) if group}
        # Commas right behind the last figure of either side.
        behind = sum(
            all(token == _COMMA for token in tokens[end + 1 : at + 1]) for end in ends for at in commas if at > end
        )
        return cls(whole, places, point, is_grouped, behind)


def _plain(tokens: Sequence[Token], value: Decimal) -> str:
    layout = _Layout.of(tokens)
    if not layout.whole and not layout.places:
        general = f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
        return "".join(general if token.kind == "general" else token.text for token in tokens)
    value /= 1_000**layout.thousands
    pattern = "".join(tokens[at].text for at in layout.places)[:MOST_PLACES]
    rounded = value.quantize(Decimal(1).scaleb(-len(pattern)), rounding=ROUND_HALF_UP)
    whole, _, places = f"{rounded:f}".partition(".")
    figures = _placed(tokens, layout, _padded(whole, "".join(tokens[at].text for at in layout.whole)))
    places = _trimmed(places, pattern)
    if layout.places:
        figures |= dict.fromkeys(layout.places, "") | {layout.places[0]: places}
    return "".join(_kept(token, figures.get(at), has_places=bool(places)) for at, token in enumerate(tokens))


def _kept(token: Token, figures: str | None, *, has_places: bool) -> str:
    if figures is not None:
        return figures
    if token == _COMMA or (token == _POINT and not has_places):
        return ""
    return token.text


def _padded(whole: str, pattern: str) -> str:
    least = len(pattern) - pattern.index("0") if "0" in pattern else 0
    return whole.lstrip("0").zfill(least)


def _placed(tokens: Sequence[Token], layout: _Layout, whole: str) -> dict[int, str]:
    """Which figures stand where: from right to left, the rest all at the first place; in groups of three, all there."""
    if not layout.whole:
        return {layout.point: f"{whole}."} if layout.point is not None and whole else {}
    if layout.is_grouped:
        return dict.fromkeys(layout.whole, "") | {layout.whole[0]: _grouped(whole)}
    placed = {}
    for at in reversed(layout.whole[1:]):
        length = len(tokens[at].text)
        placed[at] = whole[-length:]
        whole = whole[:-length]
    return placed | {layout.whole[0]: whole}


def _grouped(whole: str) -> str:
    first = len(whole) % 3
    groups = [whole[at : at + 3] for at in range(first, len(whole), 3)]
    return ",".join([whole[:first], *groups] if first else groups)


def _trimmed(places: str, pattern: str) -> str:
    while places and places[-1] == "0" and pattern[len(places) - 1] != "0":
        places = places[:-1]
    return places


def _scientific(tokens: Sequence[Token], at: int, value: Decimal) -> str:
    mantissa = tokens[:at]
    layout = _Layout.of(mantissa)
    step = max(sum(len(mantissa[place].text) for place in layout.whole), 1)
    places = sum(len(mantissa[place].text) for place in layout.places)
    exponent = floor(log10(value)) if value else 0
    exponent -= exponent % step
    if value and round(value.scaleb(-exponent), places) >= 10**step:
        exponent += step
    width = next((len(token.text) for token in tokens[at + 1 :] if token.kind == "digits"), 1)
    sign = "-" if exponent < 0 else "+" if tokens[at].text.endswith("+") else ""
    return f"{_plain(mantissa, value.scaleb(-exponent))}E{sign}{abs(exponent):0{width}}"


def _fraction(tokens: Sequence[Token], number: float) -> str:
    """The number as "3 1/2"; "" where the format is none of a fraction."""
    bar = tokens.index(_BAR)
    end = bar + 1
    while end < len(tokens) and (tokens[end].kind == "digits" or tokens[end].text.isdecimal()):
        end += 1
    below = "".join(token.text for token in tokens[bar + 1 : end])
    if not below or bar == 0 or tokens[bar - 1].kind != "digits":
        return ""
    has_whole = any(token.kind == "digits" for token in tokens[: bar - 1])
    value = Fraction(abs(number)).limit_denominator(10**PRECISE_DIGITS)
    whole = int(value) if has_whole else 0
    above, denominator = _parts(value - whole, below)
    if has_whole and above == denominator:
        whole, above = whole + 1, 0
    shown = f"{above}/{denominator}" if above or not has_whole else ""
    figures = " ".join(filter(None, [str(whole) if whole or not shown else "", shown]))
    before = "".join(token.text for token in tokens[: bar - 1] if token.kind == "text")
    after = "".join(token.text for token in tokens[end:])
    return f"{'-' if number < 0 else ''}{before}{figures}{after}"


def _parts(value: Fraction, below: str) -> tuple[int, int]:
    """Numerator and denominator: the denominator is given, or has as many figures as there are places."""
    if below.isdecimal() and int(below):
        denominator = min(int(below), LARGEST_DENOMINATOR)
        return floor(value * denominator + Fraction(1, 2)), denominator
    nearest = value.limit_denominator(min(10 ** len(below) - 1, LARGEST_DENOMINATOR))
    return nearest.numerator, nearest.denominator
