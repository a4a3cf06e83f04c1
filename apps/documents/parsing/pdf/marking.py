"""Where on a page what lies on it is read: a field behind its label, a link's address behind its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.documents.parsing.pdf.annotations import Kind, Mark
from apps.documents.parsing.pdf.letters import Box, DrawnLines, Letters, Piece
from apps.documents.parsing.scripts import with_target
from apps.documents.parsing.symbols import EMPTY, TICKED

REACH = 4.0
"""Points that a link may be away from its words."""

LONGEST_QUOTE = 200
NEXT_LINE = 2.5
NEAREST = 2.0
"""From a box that is ticked to its label, in heights of the box at most."""

_WORD = re.compile(r"\S+")
_END_OF_WORD = re.compile(r"[^\s]*?(?=[.,;:!?)\]]*(?:\s|\Z))")


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text that is read before the character `at`, on a line of its own or behind a blank; it lies at `box`.

    What `leads_in` belongs to the word that begins there, else it belongs to the one that ends there.
    """

    at: int
    text: str
    box: Box
    is_line: bool = False
    leads_in: bool = False
    is_field: bool = True

    def written(self, newline: str) -> str:
        """The text with what parts it from the text before, `newline` where a line ends."""
        lines = newline.join(line.strip() for line in self.text.split("\n") if line.strip())
        return f"{lines} " if self.leads_in else f"{newline if self.is_line else ' '}{lines}"


def insertions_of(letters: Letters, drawn: DrawnLines, marks: Sequence[Mark]) -> list[Insertion]:
    """What is read of the marks, in the order of the characters before which it is."""
    if not marks:
        return []
    pieces = [piece for line in drawn.lines for piece in line]
    links = [mark for mark in marks if mark.kind is Kind.LINK]
    found = [_placed(letters, pieces, mark) for mark in marks if mark.kind is not Kind.LINK]
    return sorted([*found, *_addresses(letters, pieces, links)], key=lambda insertion: insertion.at)


def comments_of(letters: Letters, marks: Sequence[Mark]) -> tuple[str, ...]:
    """The comments on the page, each with who wrote it and the words that it is about."""
    comments = []
    for mark in marks:
        if mark.kind is Kind.COMMENT:
            by = f" by {mark.name}" if mark.name else ""
            quoted = " ".join(" ".join(letters.within(part) for part in mark.parts).split())
            about = f" on “{quoted[:LONGEST_QUOTE]}”" if quoted and quoted != mark.value else ""
            comments.append(f"Comment{by}{about}: {mark.value}")
    return tuple(comments)


def _placed(letters: Letters, pieces: Sequence[Piece], mark: Mark) -> Insertion:
    """A field or a text of its own: behind what stands before it on its line, else below the line above it."""
    beside = [piece for piece in pieces if piece.box.beside(mark.box) and piece.box.left < mark.box.left]
    labelled = _label_behind(pieces, mark) if mark.value in (TICKED, EMPTY) else None
    if labelled is not None:
        said = _said(mark, letters.text[labelled.start : labelled.end])
        return Insertion(labelled.start, said, mark.box, leads_in=True)
    if beside:
        label = max(beside, key=lambda piece: piece.box.left)
        at = _end_before(letters, label, mark.box.left)
        return Insertion(at, _said(mark, letters.text[label.start : at]), mark.box)
    above = [piece for piece in pieces if piece.box.bottom >= mark.box.top - mark.box.height / 2]
    if above:
        label = min(above, key=lambda piece: _distance(piece.box, mark.box))
        return Insertion(label.end, _said(mark, letters.text[label.start : label.end]), mark.box, is_line=True)
    return Insertion(len(letters.text), _said(mark, ""), mark.box, is_line=True)


def _label_behind(pieces: Sequence[Piece], mark: Mark) -> Piece | None:
    """What stands right behind a box that is ticked or empty; None where nothing does, or something is nearer before it."""
    height = max(1.0, mark.box.height)
    on_line = [piece.box for piece in pieces if piece.box.beside(mark.box)]
    before = min((mark.box.left - box.right for box in on_line if box.left < mark.box.left), default=height * NEAREST)
    behind = [
        piece
        for piece in pieces
        if piece.box.beside(mark.box) and 0 <= piece.box.left - mark.box.right + 1 < min(before, height * NEAREST)
    ]
    return min(behind, key=lambda piece: piece.box.left, default=None)


def _distance(box: Box, field: Box) -> tuple[float, float]:
    """How far a line is above a field; of those beside each other the one over it."""
    apart = max(0.0, box.left - field.right, field.left - box.right)
    return round((box.bottom - field.top) / max(1.0, box.height)) + apart / 100, apart


def _end_before(letters: Letters, piece: Piece, left: float) -> int:
    """The end of the last word of the piece that begins before the field does."""
    if piece.box.right <= left:
        return piece.end
    ends = [piece.start + 1]
    for word in _WORD.finditer(letters.text, piece.start, piece.end):
        if letters.box(word.start()).left >= left:
            break
        ends.append(word.end())
    return ends[-1]


def _said(mark: Mark, label: str) -> str:
    """What is filled in, under the name of the field where that is not what stands before it."""
    if mark.kind is Kind.TEXT or not mark.name:
        return mark.value
    is_labelled = _bare(label) in (_bare(mark.name), _bare(mark.name.rpartition(": ")[2]))
    if mark.value in (TICKED, EMPTY):
        return mark.value if is_labelled else f"{mark.value} {mark.name}"
    return mark.value if is_labelled else f"{mark.name}: {mark.value}"


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" :*_.")


def _addresses(letters: Letters, pieces: Sequence[Piece], links: Sequence[Mark]) -> Iterator[Insertion]:
    """The address of each link behind its last word; a link over several lines is several marks."""
    for link, following in pairwise([*links, None]):
        if link is None or (following is not None and _goes_on(link, following)):
            continue
        last = link.parts[-1]
        found = letters.at(last.right - min(1.0, last.height), (last.bottom + last.top) / 2, REACH)
        if found is None:
            found = _last_within(letters, pieces, last)
        if found is None:
            continue
        word = _END_OF_WORD.match(letters.text, found)
        at = max(found + 1, word.end() if word else 0)
        words = f"{' '.join(letters.within(part) for part in link.parts)} {_word_around(letters.text, found)}"
        told = with_target(words, link.value)[len(words) :].strip()
        if told:
            yield Insertion(at, told, last, is_field=False)


def _last_within(letters: Letters, pieces: Sequence[Piece], box: Box) -> int | None:
    """The last character on the line within a link that is wider than its words; None where there is none."""
    over = [
        piece for piece in pieces if piece.box.beside(box) and piece.box.left < box.right and piece.box.right > box.left
    ]
    if not over:
        return None
    line = max(over, key=lambda piece: piece.box.left)
    words = letters.text[line.start : _end_before(letters, line, box.right)].rstrip(" .,;:!?")
    return line.start + max(len(words), 1) - 1


def _word_around(text: str, at: int) -> str:
    start = max(text.rfind(blank, 0, at) for blank in " \n") + 1
    word = _WORD.match(text, start)
    return word[0] if word else ""


def _goes_on(link: Mark, following: Mark) -> bool:
    is_near = abs(link.box.bottom - following.box.top) < NEXT_LINE * max(link.box.height, following.box.height)
    return link.value == following.value and is_near
