"""The words of a line of HTML as they are read: raised characters, readings, links, and gaps that only a style sheet makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.documents.parsing.scripts import lowered, raised, with_reading

# What may decide how raised characters are written stands within so many of the words before them.
BESIDE = 8
# The whitespace that HTML collapses; a no-break space is not among it.
WHITESPACE = re.compile(r"[ \t\n\r\f]+")
_LINE_EDGE = re.compile(r" *\n *")
_SPACES = re.compile(" +")
_CLOSING = frozenset(".,;:!?)]}…»”’、。，．；：？！）】」』'\"/%")
_OPENING = frozenset("([{«“‘（【「『/")
# Readings in these scripts (kana, Hangul, bopomofo) are written without spaces.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u4e00-\u9fff]")

Write = Callable[[str, str], str]
"""Writes the words of an element, given the words before it."""


@dataclass(slots=True)
class Ruby:
    """Base text and its readings; `into` is the one that words go to now, and `depth` is 0 once the element has ended."""

    base: list[str] = field(default_factory=list)
    readings: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    into: list[str] = field(default_factory=list)
    depth: int = 0

    def __post_init__(self) -> None:
        self.into = self.base

    def text(self) -> str:
        """The base whole and the readings behind it."""
        readings = filter(None, (_readings(self.readings), _readings(self.others)))
        return with_reading(_base(self.base), ", ".join(readings))


def _base(parts: list[str]) -> str:
    """The words that are read; line ends between the characters of a word are no part of it."""
    text = "".join(parts)
    return "".join(text.split()) if _UNSPACED.search(text) else text.strip()


def _readings(parts: list[str]) -> str:
    texts = [part.strip() for part in parts if part.strip()]
    return ("" if all(map(_UNSPACED.search, texts)) else " ").join(texts)


@dataclass(slots=True)
class _Mark:
    """An element whose words are written in a way of their own once it ends; `is_cut` when a block ended within it."""

    element: object
    start: int
    write: Write
    is_cut: bool = False


@dataclass(slots=True)
class Words:
    """The words since the last block's end."""

    parts: list[str] = field(default_factory=list)
    preformatted: int = 0
    marks: list[_Mark] = field(default_factory=list)
    _ruby: Ruby | None = None
    _has_gap: bool = False

    def add(self, text: str) -> None:
        """Text of the page, its whitespace collapsed unless it is preformatted."""
        is_plain = self.preformatted or not ("\n" in text or "\t" in text or "  " in text)
        shown = text if is_plain else WHITESPACE.sub(" ", text)
        if self._ruby is None and not self._has_gap:
            self.parts.append(shown)
        else:
            self.put(shown)

    def put(self, text: str) -> None:
        """Text as it stands."""
        if self._ruby is not None:
            if self._ruby.depth:
                self._ruby.into.append(text)
                return
            self.end_ruby()
        if self._has_gap and text:
            self._has_gap = False
            if self.parts and not _touch(self.parts[-1], text):
                self.parts.append(" ")
        self.parts.append(text)

    def gap(self) -> None:
        """What follows does not run on from what stands here, whether or not there is a space between."""
        self._has_gap = True

    def last(self) -> str:
        """The character before what comes next; "" at the beginning."""
        return self.parts[-1][-1:] if self.parts else ""

    def begin(self, element: object, write: Write) -> None:
        """The words from here to the element's `end` are what `write` makes of them and of the words before."""
        self.end_ruby()
        if self._has_gap and self.parts:
            self._has_gap = False
            self.parts.append("" if self.last().isspace() or self.last() in _OPENING else " ")
        self.marks.append(_Mark(element, len(self.parts), write))

    def end(self, element: object) -> bool:
        """Ends what was begun with this element, if anything was.

        False where a block within it had taken its words, so that nothing is left to write.
        """
        if not self.marks or self.marks[-1].element is not element:
            return True
        self.end_ruby()
        mark = self.marks.pop()
        words = "".join(self.parts[mark.start :])
        if mark.is_cut and not words.strip():
            return False
        before = "".join(self.parts[max(0, mark.start - BESIDE) : mark.start])
        self.parts[mark.start :] = [mark.write(words, before)]
        return True

    def begin_ruby(self) -> None:
        """Base text and readings follow; a ruby right behind another goes on with it, as both are parts of one word."""
        if self._ruby is None:
            self._ruby = Ruby()
        self._ruby.depth += 1
        self._ruby.into = self._ruby.base

    def ruby_part(self, tag: str, *, is_end: bool) -> None:
        """A part of a ruby (`rb`, `rt`, `rtc`) begins or ends."""
        if self._ruby is None or not self._ruby.depth:
            return
        ruby = self._ruby
        if is_end:
            ruby.into = ruby.others if tag == "rt" and ruby.into is ruby.others else ruby.base
        elif tag == "rtc":
            ruby.into = ruby.others
        elif tag == "rb":
            ruby.into = ruby.base
        elif ruby.into is not ruby.others:
            ruby.into = ruby.readings

    def leave_ruby(self) -> None:
        """The ruby's element ends; whether the word does is seen by what follows."""
        if self._ruby is not None:
            self._ruby.depth = max(0, self._ruby.depth - 1)
            self._ruby.into = self._ruby.base

    def end_ruby(self) -> None:
        """No more of a ruby follows: its words stand among the others."""
        if self._ruby is not None and not self._ruby.depth:
            ruby, self._ruby = self._ruby, None
            self.put(ruby.text())

    def end_line(self) -> None:
        """What follows is on a line of its own."""
        if self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")

    def take(self) -> str:
        """All of the words; none are left."""
        text = self._taken()
        if self.preformatted or not text:
            return text
        if "  " in text:
            text = _SPACES.sub(" ", text)
        return (_LINE_EDGE.sub("\n", text) if "\n" in text else text).strip(" ")

    def take_line(self) -> str:
        """All of the words as a single line; none are left."""
        return " ".join(self._taken().split())

    def _taken(self) -> str:
        self._has_gap = False
        if self._ruby is not None:
            self._ruby.depth = 0
            self.end_ruby()
        if not self.parts:
            return ""
        for mark in self.marks:
            mark.is_cut = mark.is_cut or any(part.strip() for part in self.parts[mark.start :])
            mark.start = 0
        text = "".join(self.parts)
        self.parts.clear()
        return text


def _touch(before: str, after: str) -> bool:
    """Whether nothing need stand between the two: a space is there, or a sign that belongs to one of them."""
    last, first = before[-1:], after[0]
    return not last or last.isspace() or first.isspace() or first in _CLOSING or last in _OPENING


def superscript(words: str, before: str) -> str:
    """Raised words, behind those before them."""
    return raised(words, after=before)


def subscript(words: str, before: str) -> str:
    """Lowered words, behind those before them."""
    return lowered(words, after=before)


def quotation(words: str, _before: str) -> str:
    """Words between the quotation marks that a browser puts around them."""
    return f"“{words.strip()}”" if words.strip() else words


def grouped(words: str) -> str:
    """A part of a formula in parentheses, unless it is a single number or name."""
    text = words.strip()
    return text if text.replace(".", "").replace(",", "").isalnum() or not text else f"({text})"
