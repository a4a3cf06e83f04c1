"""Which character on a page is which of its parsed text. Pure.

Parsing changes blanks, drops what shows nothing, and puts in what lies beside the text; it leaves other characters as they
are and, but for what stands in the margins, in their order. So words are held against words, and between those that are
alike characters are counted off. Where one is missing on one side, the two meet again a few characters on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise, product

from apps.documents.parsing.cleaning import clean

REACH = 16
"""Characters that may be missing in one place."""

ALIKE = 4
"""Characters that must be the same for the two to have met again."""

MOST_COMPARED = 4_000
"""Words of a page that are compared one by one; of more, those that are everywhere are no guide."""

_SKIPS = sorted(product(range(REACH + 1), repeat=2), key=lambda skips: (sum(skips), skips))[1:]


def aligned(drawn: Sequence[str], text: str) -> list[int | None]:
    """For each character of the text its place among the drawn ones; None for blanks and for what was not found."""
    places = [place for place, character in enumerate(drawn) if clean(character).strip()]
    wanted = [at for at, character in enumerate(text) if not character.isspace()]
    found: list[int | None] = [None] * len(text)
    shown, meant = "".join(drawn[place][0] for place in places), "".join(text[at] for at in wanted)
    for one, other in _pairs_by_words(shown, meant, _cuts(places), _cuts(wanted)):
        found[wanted[other]] = places[one]
    return found


def _cuts(places: Sequence[int]) -> list[int]:
    """Where words begin among characters that show, and where the last one ends: blanks were left out between them."""
    return [0, *(at for at, (one, other) in enumerate(pairwise(places), start=1) if other > one + 1), len(places)]


def _pairs_by_words(
    shown: str, meant: str, shown_cuts: Sequence[int], meant_cuts: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Pairs of the same words in the same order; between them, of the same characters. What was moved is left out."""
    if shown == meant:
        yield from ((at, at) for at in range(len(meant)))
        return
    ours, theirs = (
        [text[start:end] for start, end in pairwise(cuts)] for text, cuts in ((shown, shown_cuts), (meant, meant_cuts))
    )
    matcher = SequenceMatcher(None, ours, theirs, autojunk=len(ours) > MOST_COMPARED)
    for _, one, one_past, other, other_past in matcher.get_opcodes():
        start, begin = shown_cuts[one], meant_cuts[other]
        for left, right in _pairs(shown[start : shown_cuts[one_past]], meant[begin : meant_cuts[other_past]]):
            yield start + left, begin + right


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
