"""What the first page of a PDF says in its largest letters: its title, where the file tells none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from apps.documents.parsing.pdf.breaks import PageLines
from apps.documents.parsing.pdf.furniture import LARGEST

NEARLY = 0.9
"""Letters of one size, though their fonts differ."""

MOST_LINES = 4
LONGEST = 150
"""Characters of a title: what is longer is a text in large letters."""

FOLLOWING = 2
"""Pages after the first whose margins tell what only stands over each page, as the name of a company does."""


def headline(pages: Sequence[PageLines]) -> str:
    """The lines of the first page that are the largest and stand together, as one line. Larger numbers among them count.

    "" where none is larger than the text, which running heads never are, or where they are more than a title has.
    """
    page = pages[0]
    large = {at: size for at, size in _larger(pages).items() if not _comes_again(page.lines[at], size, pages)}
    telling = [at for at in large if sum(map(str.isalpha, page.lines[at])) > 1]
    if not telling:
        return ""
    least = NEARLY * max(large[at] for at in telling)
    first = next(at for at in telling if large[at] >= least)
    title = [page.lines[at] for at in _together(large, first, least)]
    joined = " ".join(" ".join(title).split())
    return joined if len(title) <= MOST_LINES and len(joined) <= LONGEST else ""


def _larger(pages: Sequence[PageLines]) -> dict[int, float]:
    """The sizes of the first page's lines that are larger than what pages say."""
    usual = median([page.margins.size for page in pages if page.margins.size] or [0.0])
    return {at: size for at, size in pages[0].sizes.items() if size > LARGEST * usual}


def _comes_again(line: str, size: float, pages: Sequence[PageLines]) -> bool:
    """Whether it stands over or under the next page as well, as large."""
    return any(
        _alike(page.lines[at]) == _alike(line) and standing.size >= NEARLY * size
        for page in pages[1 : 1 + FOLLOWING]
        for at, standing in page.margins.lines.items()
    )


def _alike(line: str) -> str:
    return " ".join(line.split()).casefold()


def _together(large: Mapping[int, float], first: int, least: float) -> range:
    """The numbers of the lines around the first one that are as large."""
    start = end = first
    while large.get(start - 1, 0.0) >= least:
        start -= 1
    while large.get(end, 0.0) >= least:
        end += 1
    return range(start, end)
