"""The head of a page: what stands at its top, such as `CONSOLIDATED BALANCE SHEETS`, is a heading of all that is on it. Pure.

A PDF says of no line that it is a heading. The first lines of a page are its head as long as they are short, and no sentence,
item or row; running heads are gone by then.
"""

from __future__ import annotations

LONGEST_LINE = 90
MOST_LINES = 3
ENOUGH = 110
"""Characters of a head after which no line is added to it."""

LONGEST = 160

_ROW, _BULLETS, _ENDED = "|", "•●▪◦‣–—*-", (".", ";", ",")


def page_head(text: str) -> str:
    """The head of a page with that text, as one line; "" where it has none."""
    head: list[str] = []
    for line in filter(_says, map(str.strip, text.split("\n"))):
        if len(head) == MOST_LINES or sum(map(len, head)) > ENOUGH or not _may_head(line):
            break
        head.append(" ".join(line.split()))
    return " ".join(head)[:LONGEST].rstrip()


def _says(line: str) -> bool:
    """Whether it is no rule or other ornament."""
    return any(map(str.isalnum, line))


def _may_head(line: str) -> bool:
    if len(line) > LONGEST_LINE or line.startswith(_ROW) or line[0] in _BULLETS or line[0].islower():
        return False
    return not line.endswith(_ENDED) or line.isupper()
