"""Tables of Markdown whose rows have more cells than their header: by its rules what is beyond the header is not shown."""

from __future__ import annotations

import re
from itertools import takewhile

_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})")
_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_BAR = re.compile(r"(?<!\\)\|")


def with_whole_rows(source: str) -> str:
    """The text, with as many columns in the header of each table as its widest row has cells."""
    if "|" not in source:
        return source
    lines = source.split("\n")
    fence = ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark["mark"].startswith(fence) else fence
        elif mark:
            fence = mark["mark"]
        elif at and "|" in line and _RULE.fullmatch(line) and _cells(line) == _cells(lines[at - 1]):
            _widen(lines, at)
    return "\n".join(lines)


def _widen(lines: list[str], rule: int) -> None:
    """Gives the header above the rule the columns that it lacks."""
    rows = takewhile(lambda at: "|" in lines[at], range(rule + 1, len(lines)))
    lacking = max((_cells(lines[at]) for at in rows), default=0) - _cells(lines[rule])
    if lacking > 0:
        lines[rule - 1] = _closed(lines[rule - 1]) + "  |" * lacking
        lines[rule] = _closed(lines[rule]) + " --- |" * lacking


def _closed(line: str) -> str:
    bare = line.rstrip()
    return bare if bare.endswith("|") and not bare.endswith("\\|") else f"{bare} |"


def _cells(line: str) -> int:
    bare = line.strip().removeprefix("|")
    return len(_BAR.findall(bare)) + (not bare.endswith("|") or bare.endswith("\\|"))
