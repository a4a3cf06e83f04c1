"""Sentences by a few patterns. Pure and quick: it runs on passages while somebody waits."""

from __future__ import annotations

import re

from apps.documents.parsing.types import Span
from apps.documents.sentences import FULL_STOPS

_END = re.compile(
    r"""(?m:^[ \t]*\#[^\n]*\n\s*)"""  # the line of a heading
    r"""|(?<=[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]*\w)"""  # a full stop, and something begins after it
    rf"""|(?<=[{FULL_STOPS}])"""  # scripts that put no space between sentences
    r"""|\s*\n\s*\n\s*"""  # a blank line
    r"""|\n(?=\s*(?:[-*•|#]|\d+[.)]\s))"""  # a list item, a table row or a heading
)
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|etc|cf|Fig|Eq|al|approx|e\.g|i\.e))\.$")
_WORD = re.compile(r"[\u3040-\u9fff]|[^\W\u3040-\u9fff]+")  # where no space parts the words, each sign is one
FRAGMENT_WORDS = 4


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a text, in order, without the white space around them. Blank lines and list items end one too.

    A fragment of a few words, such as a date before an entry, says nothing alone and goes with what follows it.
    """
    spans: list[Span] = []
    start, open_at = 0, None
    for end, following in [*_ends(text), (len(text), len(text))]:
        piece = text[start:end]
        if piece.strip():
            begin = start + len(piece) - len(piece.lstrip()) if open_at is None else open_at
            open_at = begin if _goes_with_next(piece, text[end:following], text[following:]) else None
            if open_at is None:
                spans.append((begin, start + len(piece.rstrip())))
        start = following
    return spans


def says_something(sentence: str) -> bool:
    """Whether a span can stand as a statement: a heading or a stray word can't."""
    return not _is_heading(sentence) and len(_WORD.findall(sentence)) >= FRAGMENT_WORDS


def _goes_with_next(piece: str, gap: str, rest: str) -> bool:
    """Across a blank line nothing belongs together: what stands alone there is a heading."""
    is_fragment = len(_WORD.findall(piece)) <= FRAGMENT_WORDS and gap.count("\n") < 2
    return is_fragment and bool(rest.strip()) and not _is_heading(piece) and not _is_heading(rest)


def _is_heading(text: str) -> bool:
    return text.lstrip().startswith("#")


def _ends(text: str) -> list[tuple[int, int]]:
    """Where each sentence ends and where the next begins."""
    found = []
    for match in _END.finditer(text):
        end = match.start() + len(match.group().rstrip())
        if not _ABBREVIATION.search(text, max(0, end - 12), end):
            found.append((end, match.end()))
    return found
