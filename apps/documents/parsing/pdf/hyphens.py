"""Words cut at the end of a line: whether the hyphen belongs to the word. Pure.

A PDF does not tell one hyphen from the other. Where the page writes the word elsewhere, that decides; else a hyphen stays
in what is known to be written with one ("well-known", "COVID-19", "Nord-Ostsee", "state-of-the-art").
"""

from __future__ import annotations

import re

from apps.documents.parsing.pdf.letters import HYPHEN

LONGEST = 100
SHORTEST_HEAD = 3
"""Letters before what is often the end of a compound: "on-going" and "to-day" are none."""

_CUT = re.compile(rf"([^\W_][^\W_'’]*(?:[-‐‑][^\W_]+)*)(?:-|‐|\xad|{HYPHEN})\Z")
_GOES_ON = re.compile(r"[^\W_][\w'’]*")
# "Vor- und Nachteile", "pre- and post-war": a hyphen that stands for the end of a later word.
_HANGING_WORDS = "und oder bzw bis and or to y o et ou e och og en"
_HANGING = frozenset(_HANGING_WORDS.split())
_HEAD_WORDS = """
    well self ex half all quasi pseudo high low long short full part cross back front free fast slow large small
    single double two three four five six seven eight nine ten first second third year day month week hour non anti pro
    vice twice e so far near ever hard soft open close user data time cost state risk rule role event model machine
    server client cloud field fixed real right left best better world market price value case life ready end
"""
_HEADS = frozenset(_HEAD_WORDS.split())
_TAIL_WORDS = """
    known based term free level wide specific related driven friendly oriented defined owned being aware only
    looking sized style quality class end side time scale range ranging bearing sharing taking going
    line site house sensitive dependent independent effective efficient intensive average adjusted traded year old
    called off up down in out party way point grade date day month week hour minute service built led funded backed
    generated fold proof tech like
"""
_TAILS = frozenset(_TAIL_WORDS.split())


def hyphen_joined(line: str, after: str, page: str) -> tuple[str, str] | None:
    """The line whole with the rest of its last word, and what is left of the next one; None where no word was cut.

    `page` is text in which the word may stand whole.
    """
    cut, rest = _CUT.search(line[-LONGEST:]), _GOES_ON.match(after[:LONGEST])
    if cut is None or rest is None or rest[0].casefold() in _HANGING:
        return None
    if line.endswith("-") and cut[1].isdigit() and not rest[0].isdigit():
        return None
    hyphen = "-" if not line.endswith("\xad") and _belongs(cut[1], rest[0], page) else ""
    word = re.match(r"\S+", after)
    end = word.end() if word else rest.end()
    return f"{line[:-1]}{hyphen}{after[:end]}", after[end:].lstrip()


def _belongs(before: str, after: str, page: str) -> bool:
    """Whether the word is written with the hyphen that stands between its halves."""
    if not after[0].islower() or not before[-1].islower() or re.search("[-‐‑]", before):
        return True
    if f"{before}{after}" in page:
        return False
    is_known = f"{before}-{after}" in page
    is_tail = len(before) >= SHORTEST_HEAD and after.casefold() in _TAILS
    return is_known or before.casefold() in _HEADS or is_tail
