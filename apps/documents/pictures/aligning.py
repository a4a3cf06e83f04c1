"""Which character on a page is which of its parsed text. Pure.

Parsing changes blanks and drops what shows nothing, and leaves all other characters as they are and in their order. So what
shows is counted off on both sides. Where a character is missing on one side, the two meet again a few characters on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from apps.documents.parsing.cleaning import clean

REACH = 16
"""Characters that may be missing in one place."""

ALIKE = 4
"""Characters that must be the same for the two to have met again."""

_SKIPS = sorted(product(range(REACH + 1), repeat=2), key=lambda skips: (sum(skips), skips))[1:]


def aligned(drawn: Sequence[str], text: str) -> list[int | None]:
    """For each character of the text its place among the drawn ones; None for blanks and for what was not found."""
    places = [place for place, character in enumerate(drawn) if clean(character).strip()]
    wanted = [at for at, character in enumerate(text) if not character.isspace()]
    found: list[int | None] = [None] * len(text)
    shown, meant = "".join(drawn[place] for place in places), "".join(text[at] for at in wanted)
    for one, other in _pairs(shown, meant):
        found[wanted[other]] = places[one]
    return found


def _pairs(shown: str, meant: str) -> Sequence[tuple[int, int]]:
    if shown == meant:
        return [(at, at) for at in range(len(meant))]
    pairs, one, other = [], 0, 0
    while one < len(shown) and other < len(meant):
        if shown[one] == meant[other]:
            pairs.append((one, other))
            one, other = one + 1, other + 1
        else:
            one, other = _met(shown, meant, one, other)
    return pairs


def _met(shown: str, meant: str, one: int, other: int) -> tuple[int, int]:
    """Where the two go on alike; one character on, where they don't within reach."""
    for skip, skip_other in _SKIPS:
        ahead, ahead_other = one + skip, other + skip_other
        there = shown[ahead : ahead + ALIKE]
        if there and there == meant[ahead_other : ahead_other + ALIKE]:
            return ahead, ahead_other
    return one + 1, other + 1
