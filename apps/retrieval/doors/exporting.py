"""Answers and conversations as documents that people use: with numbered references, and the quotes they lead to.

What documents say is put into Markdown as text: every sign that could be markup is escaped, so that no document adds a link, an
image or a heading of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.http import HttpResponse

from apps.documents.admin.wording import where_in_words
from apps.retrieval.answers.conversations import ReadTurn
from apps.retrieval.answers.links import links_safe
from apps.retrieval.doors.conversation_shapes import WITHDRAWN
from apps.retrieval.models import Answer, Citation, Conversation

_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~&!$^=]")
_AT_START = re.compile(r"^(\s*)([-+:]|\d+(?=[.)]))")


class ExportFormat(StrEnum):
    """`text` is to be pasted anywhere, `markdown` to be kept."""

    MARKDOWN = "markdown"
    TEXT = "text"


MEDIA_TYPES = {ExportFormat.MARKDOWN: "text/markdown", ExportFormat.TEXT: "text/plain"}
SUFFIXES = {ExportFormat.MARKDOWN: "md", ExportFormat.TEXT: "txt"}


class Quoted(Protocol):
    """A source by its number, as it is named below a text."""

    @property
    def number(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def quote(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reference:
    """A source by its number, from 1."""

    number: int
    citation: Citation

    @property
    def title(self) -> str:
        return self.citation.version.document.title

    @property
    def where(self) -> str:
        """Which version, and where in it."""
        places = where_in_words(self.citation.heading_path, self.citation.place)
        return ", ".join(filter(None, (f"version {self.citation.version.number}", places)))

    @property
    def quote(self) -> str:
        return self.citation.quote


@dataclass(frozen=True, slots=True)
class Referenced:
    """The sentences of an answer, each with the numbers of its references."""

    sentences: tuple[tuple[str, tuple[int, ...]], ...]
    references: tuple[Reference, ...]


def referenced(answer: Answer) -> Referenced:
    """The answer with its citations numbered as they first appear; a span that two sentences rest on has one number."""
    numbers: dict[tuple[object, int, int], Reference] = {}
    of_claims: dict[int, list[int]] = {}
    for one in answer.citations.all():
        span = (one.version_id, one.start, one.end)
        reference = numbers.setdefault(span, Reference(len(numbers) + 1, one))
        of_claims.setdefault(one.claim, []).append(reference.number)
    shown = [one["text"] for one in answer.statements if one["shown"]]
    if not shown:  # Of before statements were kept, or nothing was found.
        return Referenced(((answer.text, tuple(one.number for one in numbers.values())),), tuple(numbers.values()))
    sentences = tuple((text, tuple(of_claims.get(claim, ()))) for claim, text in enumerate(shown))
    return Referenced(sentences, tuple(numbers.values()))


def answer_text(answer: Answer) -> str:
    """The answer to paste anywhere: its text with `[1]`, and the sources below it."""
    told = referenced(answer)
    return text_with_sources(told.sentences, told.references)


def text_with_sources(sentences: Iterable[tuple[str, Iterable[int]]], sources: Iterable[Quoted]) -> str:
    """Sentences with the numbers of what they rest on, and that below them."""
    said = " ".join(f"{text} {_marks(numbers)}".strip() for text, numbers in sentences)
    below = [f'[{one.number}] {one.title}, {one.where}: "{_line(one.quote)}"' for one in sources]
    return links_safe("\n".join([said, *(["", "Sources", *below] if below else [])])) + "\n"


def answer_markdown(answer: Answer) -> str:
    """The question, the answer and its sources in Markdown."""
    return _joined([f"# {escaped(_line(answer.query.question))}", *_answer_blocks(answer)])


def conversation_markdown(conversation: Conversation, turns: Sequence[ReadTurn]) -> str:
    """All questions with their answers and sources in Markdown."""
    heading = f"# {escaped(_line(conversation.title or 'Conversation'))}"
    return _joined([heading, *(block for turn in turns for block in _turn_blocks(turn))])


def export_file(text: str, *, name: str, how: ExportFormat = ExportFormat.MARKDOWN) -> HttpResponse:
    """A text as a file to keep."""
    response = HttpResponse(text, content_type=f"{MEDIA_TYPES[how]}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.{SUFFIXES[how]}"'
    return response


def escaped(text: str) -> str:
    """One line of text as Markdown that shows it as it is."""
    line = _MARKUP.sub(r"\\\g<0>", text.strip())
    return _AT_START.sub(lambda found: f"{found[1]}\\{found[2]}" if not found[2].isdigit() else _numbered(found), line)


def _numbered(found: re.Match[str]) -> str:
    """A number that would begin a list: its full stop is escaped."""
    return f"{found[1]}{found[2]}\\"


def _turn_blocks(turn: ReadTurn) -> Iterator[str]:
    yield f"## {turn.query.turn}\\. {escaped(_line(turn.query.question))}"
    if turn.searched_for:
        yield f"Searched for: {escaped(_line(turn.searched_for))}"
    if turn.answer is None:
        yield f"*{WITHDRAWN}*"
    else:
        yield from _answer_blocks(turn.answer)


def _answer_blocks(answer: Answer) -> Iterator[str]:
    told = referenced(answer)
    yield " ".join(f"{escaped(_line(text))} {escaped(_marks(numbers))}".strip() for text, numbers in told.sentences)
    if told.references:
        yield "**Sources**"
    for one in told.references:
        yield f"\\[{one.number}\\] **{escaped(_line(one.title))}**, {escaped(_line(one.where))}"
        yield _quoted(one.quote)


def _quoted(quote: str) -> str:
    """A block of quotation, line by line; blank lines stay within it."""
    return "\n".join(f"> {escaped(line)}".rstrip() for line in quote.strip().splitlines())


def _marks(numbers: Iterable[int]) -> str:
    return "".join(f"[{number}]" for number in dict.fromkeys(numbers))


def _line(text: str) -> str:
    return " ".join(text.split())


def _joined(blocks: Iterable[str]) -> str:
    return links_safe("\n\n".join(blocks)) + "\n"
