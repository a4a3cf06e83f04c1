"""From pages' lines to pages' texts: a sentence goes on over the end of a page, past what stands in the margins. Pure.

Running heads and numbers that are on many pages are left out. Where a sentence goes on, what else stands in the margins, and
comments that would stand within it, go to where a sentence ends, or to the start of the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from apps.documents.parsing.pdf.furniture import MOST_IN_MARGIN, Margins, furniture_of, page_number
from apps.documents.parsing.pdf.hyphens import hyphen_joined

NEIGHBOURS = 2
"""Pages on either side that are looked at for the same running head; right and left pages have their own."""

FULL = 0.8
SHORTEST_FULL = 25
_DIGITS = re.compile(r"\d+")
_ENDED = re.compile(r"[.!?:;…。！？।۔؟։።܀]['\"”’»›)\]]*\Z")
_ITEM = re.compile(r"[•·▪■□◦●○‣⁃*–—-]\s|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]\s|[☐☑☒]")
_JOINING_WORDS = """
    the a an of for to in on at by with from and or nor but as that which who whose than into onto over under between
    is are was were be been has have had will shall may can must not its their his her our your this these those
    der die das des dem den ein eine einer eines einem einen und oder von vom zu zum zur mit auf für im am an bei aus
    nach über unter durch gegen ohne um als wie dass ist sind wird werden hat haben nicht kein keine sein seine ihr ihre
    le la les un une de du et ou à au aux en dans par pour sur avec que qui ne est sont el los las una y o del al por
    para con su sus il lo gli di da nel nella per
"""
_JOINING = frozenset(_JOINING_WORDS.split())


@dataclass(frozen=True, slots=True)
class PageLines:
    """A page's lines in reading order, which of them are rows of a table, comments on it, what is known of its margins, and of a
    first page the sizes of lines by their numbers.
    """

    lines: tuple[str, ...] = ()
    rows: frozenset[int] = frozenset()
    comments: tuple[str, ...] = ()
    margins: Margins = field(default_factory=Margins)
    sizes: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageText:
    """A page's text; `joint` is what parts it from the page before where a sentence goes on from there, else None."""

    text: str
    joint: str | None = None


@dataclass(slots=True)
class _Page:
    """A page on the way: its body from `start` to `end` (exclusive); what is left out of its lines is empty."""

    page: PageLines
    start: int
    end: int
    lines: list[str]
    joint: str | None = None
    goes_on: bool = False


def pages_joined(pages: Sequence[PageLines]) -> list[PageText]:
    """The pages' texts in order."""
    edges = [_edges(page) for page in pages]
    left_out = furniture_of([page.lines for page in pages], [page.margins for page in pages])
    drafts = [
        _Page(page, 0, len(page.lines), ["" if at in out else line for at, line in enumerate(page.lines)])
        for page, out in zip(pages, left_out, strict=True)
    ]
    last: int | None = None
    for at, page in enumerate(pages):
        if not page.lines:
            continue
        if last is not None and last == at - 1:
            bottom, top = _margins(drafts, edges, last)[1], _margins(drafts, edges, at)[0]
            _join(drafts[last], drafts[at], bottom, top)
        last = at
    return [PageText(_text(draft), draft.joint) for draft in drafts]


Edges = tuple[list[str], list[str]]


def _edges(page: PageLines) -> Edges:
    """The lines at the top and at the bottom of a page, as they are compared."""
    return [_alike(line) for line in page.lines[:MOST_IN_MARGIN]], [
        _alike(line) for line in page.lines[-MOST_IN_MARGIN:]
    ]


def _margins(drafts: Sequence[_Page], edges: Sequence[Edges], at: int) -> tuple[int, int]:
    """How many lines at the page's top are in its margin, and the number of the first of those at its bottom."""
    draft, page = drafts[at], drafts[at].page
    around = [one for one in range(max(0, at - NEIGHBOURS), min(len(drafts), at + NEIGHBOURS + 1)) if one != at]
    heads = {line for one in around for line in edges[one][0]}
    feet = {line for one in around for line in edges[one][1]}
    top, bottom = 0, len(page.lines)
    while top < min(MOST_IN_MARGIN, bottom) and _is_margin(draft, top, heads):
        top += 1
    while bottom > max(top, len(page.lines) - MOST_IN_MARGIN) and _is_margin(draft, bottom - 1, feet):
        bottom -= 1
    return (top, bottom) if top < bottom else (0, len(page.lines))


def _is_margin(draft: _Page, at: int, known: set[str]) -> bool:
    if at in draft.page.rows:
        return False
    line = draft.page.lines[at]
    return not draft.lines[at] or page_number(line) is not None or _alike(line) in known


def _alike(line: str) -> str:
    return _DIGITS.sub("0", " ".join(line.split())).casefold()


def _join(before: _Page, after: _Page, bottom: int, top: int) -> None:
    """Mend the sentence that goes on from one page to the next, if one does."""
    if bottom - 1 in before.page.rows or top in after.page.rows or bottom - 1 < before.start:
        return
    line, goes = before.lines[bottom - 1], after.lines[top]
    whole = hyphen_joined(line, goes, "\n".join(before.page.lines[-MOST_IN_MARGIN:] + after.page.lines))
    if whole is None and not _goes_on(line, goes, before.page, after.page):
        return
    before.end, before.goes_on = bottom, True
    after.start, after.joint = top, "\n"
    if whole is not None:
        word = whole[0].removesuffix(goes[: len(goes) - len(whole[1])].rstrip())
        before.lines[bottom - 1], after.joint = word, ""


def _goes_on(line: str, after: str, before: PageLines, page: PageLines) -> bool:
    if _ENDED.search(line) or _ITEM.match(after):
        return False
    if after[0].islower() or line.endswith(","):
        return len(line.split()) > 1
    if line.split()[-1].casefold() in _JOINING and line.split()[-1].islower():
        return True
    if not (_is_full(line, before) and _is_full(after, page)):
        return False
    return line[-1].islower() or not (line[-1].isupper() or line[-1].isdigit())


def _is_full(line: str, page: PageLines) -> bool:
    """Whether the line is about as long as the page's lines are, so that a paragraph goes on after it."""
    return len(line) >= max(SHORTEST_FULL, FULL * median(len(one) for one in page.lines))


def _text(draft: _Page) -> str:
    """The page's lines, with what stands in the way of a sentence before or behind it."""
    margins = [line for line in (*draft.lines[: draft.start], *draft.lines[draft.end :]) if line]
    aside = [*margins, *draft.page.comments]
    if not aside or not (draft.joint is not None or draft.goes_on):
        return _joined(draft.lines, draft.page.rows, 0, draft.page.comments)
    body = draft.lines[draft.start : draft.end]
    rows = frozenset(row - draft.start for row in draft.page.rows)
    at = _place_aside(body, is_open=draft.goes_on, goes_on_here=draft.joint is not None)
    parts = [
        _joined(body[:at], rows, 0, ()),
        "\n".join(margins),
        *draft.page.comments,
        _joined(body[at:], rows, at, ()),
    ]
    return "\n\n".join(part for part in parts if part)


def _place_aside(body: Sequence[str], *, is_open: bool, goes_on_here: bool) -> int:
    """Before which line of the body what stands aside goes: at its end, where a sentence ends, or else at its start."""
    if not is_open:
        return len(body)
    ends = [at + 1 for at, line in enumerate(body) if _ENDED.search(line)]
    if ends:
        return ends[-1]
    return len(body) if goes_on_here else 0


def _joined(lines: Sequence[str], rows: frozenset[int], first: int, comments: Sequence[str]) -> str:
    """Lines, with an empty one around each table and each comment."""
    text = "" if rows else "\n".join(filter(None, lines))
    for at, line in enumerate(lines if rows else ()):
        is_edge = (at + first in rows) != (at + first - 1 in rows)
        if line:
            text += ("\n\n" if is_edge else "\n") * bool(text) + line
    return "\n\n".join(part for part in [text, *comments] if part)
