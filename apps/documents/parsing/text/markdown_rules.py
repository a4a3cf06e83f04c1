"""What people write in Markdown beyond CommonMark and would lose by its rules: formulas, footnotes, names with underscores."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# Between dollar signs a formula in a line has no space, and no figure follows it: "$5 to $6" is no formula. It must have
# something that prose has not.
_MARKS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
LONGEST_INLINE, LONGEST_SHOWN = 1_000, 20_000
_FORMULA_SIGN = re.compile(r"[\\^_{}=]")
_FENCE = re.compile(r"[ \t]*\$\$[ \t]*$")
_SPECIAL_NAMES = (
    "all class contains dict doc enter exit file getitem hash init iter len main name new repr slots str version"
)
_DUNDER = re.compile(rf"__(?:\w{{1,40}}?__(?=\(|\.\w)|(?:{_SPECIAL_NAMES.replace(' ', '|')})__(?!\w))")
_NOTE = re.compile(r"\[\^(?P<label>[^\]\s\[]{1,100})\]")
_ADDRESS = re.compile(r"\[[^\]\[^][^\]\[]{0,999}\]:[ \t]*\S")
_NOTE_TEXT = re.compile(r"\[\^(?P<label>[^\]\s\[]{1,100})\]:[ \t]*(?P<text>.*)")


def extend(parser: MarkdownIt) -> None:
    """Teaches the parser these rules."""
    parser.block.ruler.before("reference", "footnote", _footnote, {"alt": ["paragraph"]})
    parser.block.ruler.before("list", "formula", _formula_lines, {"alt": ["paragraph", "blockquote", "list"]})
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.before("emphasis", "dunder", _dunder)
    parser.inline.ruler.before("link", "note_mark", _note_mark)


class References(dict[str, Any]):
    """The addresses that are defined by themselves, `[label]: address`; it knows which of them links have asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return super().get(key, default)

    def unused(self) -> Iterator[tuple[str, str]]:
        """Title and address of those that no link leads to: a reader of the file sees them, one of the page doesn't."""
        for key, found in self.items():
            if key not in self._asked:
                yield found["title"], found["href"]


def _notes(env: MutableMapping[str, Any]) -> set[str]:
    notes: set[str] = env.setdefault("notes", set())
    return notes


def _note_words(label: str) -> str:
    return label if label.isdecimal() else f"[{label}]"


def _footnote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A footnote's text: a paragraph that begins with its mark, and what is indented below it."""
    if state.is_code_block(start):
        return False
    note = _NOTE_TEXT.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if note is None or silent:
        return note is not None
    _notes(state.env).add(note["label"])
    content = f"[^{note['label']}] {note['text']}"
    line = start + 1
    while True:
        first, line = line, _end_of_paragraph(state, line, end)
        content += "".join(f"\n{state.getLines(at, at + 1, state.tShift[at], False)}" for at in range(first, line))
        _paragraph(state, content, start, line)
        more = next((at for at in range(line, end) if not state.isEmpty(at)), end)
        if more in (end, line) or not state.is_code_block(more):
            return True
        content, line = "", more


def _end_of_paragraph(state: StateBlock, line: int, end: int) -> int:
    while line < end and not state.isEmpty(line) and not _begins_another(state, line):
        line += 1
    return line


def _begins_another(state: StateBlock, line: int) -> bool:
    """Whether the line is another note or the address of a link, which people write right below one another."""
    start, end = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    return any(form.match(state.src, start, end) is not None for form in (_NOTE_TEXT, _ADDRESS))


def _formula_lines(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines between two lines of dollar signs, whatever they begin with."""
    if state.is_code_block(start) or not _is_fence(state, start):
        return False
    close = next((line for line in range(start + 1, end) if _is_fence(state, line)), None)
    if close is None or silent:
        return close is not None
    _paragraph(state, state.getLines(start, close + 1, state.blkIndent, False), start, close + 1)
    return True


def _is_fence(state: StateBlock, line: int) -> bool:
    return _FENCE.fullmatch(state.src, state.bMarks[line], state.eMarks[line]) is not None


def _paragraph(state: StateBlock, content: str, start: int, end: int) -> None:
    state.line = end
    state.push("paragraph_open", "p", 1).map = [start, end]
    token = state.push("inline", "", 0)
    token.content, token.map, token.children = content, [start, end], []
    state.push("paragraph_close", "p", -1)


def _formula(state: StateInline, silent: bool) -> bool:
    """A formula as it was written."""
    start = state.pos
    if state.src[start] not in "$\\":
        return False
    mark = state.src[start : start + 2]
    mark = mark if mark in _MARKS else mark[:1]
    close = _MARKS.get(mark)
    if close is None:
        return False
    begin = start + len(mark)
    longest = LONGEST_SHOWN if mark in {"$$", "\\["} else LONGEST_INLINE
    end = state.src.find(close, begin + 1, min(state.posMax, begin + longest))
    if end < 0 or not _is_formula(state.src[begin:end], mark, after=state.src[end + 1 : end + 2]):
        return False
    return _verbatim(state, state.src[start : end + len(close)], silent)


def _is_formula(text: str, mark: str, *, after: str) -> bool:
    has_room = mark == "$" and (text[0].isspace() or text[-1].isspace() or after.isdigit() or "\n" in text)
    return not has_room and _FORMULA_SIGN.search(text) is not None


def _dunder(state: StateInline, silent: bool) -> bool:
    """A name such as `__init__`, whose underscores are no emphasis."""
    found = _DUNDER.match(state.src, state.pos, state.posMax)
    return found is not None and _verbatim(state, found[0], silent)


def _note_mark(state: StateInline, silent: bool) -> bool:
    """The mark of a footnote, raised as a number is that a note has."""
    found = _NOTE.match(state.src, state.pos, state.posMax)
    if found is None or found["label"] not in _notes(state.env):
        return False
    if not silent:
        state.push("sup_open", "sup", 1)
        state.push("text", "", 0).content = _note_words(found["label"])
        state.push("sup_close", "sup", -1)
    state.pos += len(found[0])
    return True


def _verbatim(state: StateInline, text: str, silent: bool) -> bool:
    if not silent:
        state.push("text", "", 0).content = text
    state.pos += len(text)
    return True
