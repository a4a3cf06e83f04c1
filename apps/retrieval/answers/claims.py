"""From the text a language model writes to sentences, and from a sentence to what bears it out in the passages. Pure.

A model says which passage it has a sentence from by a number in brackets. What is quoted is found here, never what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.documents.parsing.types import Span
from apps.documents.sentences.statements import says_something, statement_spans
from apps.retrieval.answers.checking.judging import judge
from apps.retrieval.answers.checking.reading import language_of_texts, words_of
from apps.retrieval.answers.checking.turning import Turn, turn_of
from apps.retrieval.answers.types import Judgement, Quotation, Statement, TextDelta, WrittenPiece
from apps.retrieval.answers.words import word_share
from apps.retrieval.search.passages import Passage

MIN_SUPPORT = 0.6
"""The least share of a claim's content words that a quotation must hold."""

LONGEST_QUOTE = 2
"""Sentences."""

LOOKED_AT = 16
"""Spans of a passage that hold most of a claim's words, and are read for whether they say the opposite."""

_MARKER = re.compile(r"\s*\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]")
_MARKERS_FIRST = re.compile(rf"(?:{_MARKER.pattern})+")
_PART_OF_MARKER = re.compile(r"\s*(?:\[[\d\s,]*)?$")
_WHOLE_WORD = re.compile(r"\S+\s|[^\x00-\u2e7f]")
_LINK = re.compile(r"(?<=\])(?=[(:\[])|(?<=<)(?=[\w/!?])")


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence without its markers, and the numbers that they name."""

    text: str
    cited: tuple[int, ...]

    @classmethod
    def of(cls, raw: str) -> Claim:
        """Of a sentence as it was written."""
        numbers = [int(number) for found in _MARKER.findall(raw) for number in found.split(",")]
        return cls(_said(raw), tuple(dict.fromkeys(numbers)))


class ClaimReader:
    """Turns a growing text into deltas and, sentence by sentence, statements with their quotations."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._raw = ""
        self._shown = ""  # What readers have of the sentence at hand.
        self._any = False

    def add(self, text: str) -> Iterator[WrittenPiece]:
        """What can be given once this was added."""
        self._raw += text
        while (end := _first_end(self._raw)) is not None:
            yield from self._state(self._raw[:end])
            self._raw = self._raw[end:]
        visible = _said(_PART_OF_MARKER.sub("", self._raw), whole=False)
        # By whole words, as the end of a sentence may show only in what follows it.
        yield from self._show(visible)

    def finish(self) -> Iterator[WrittenPiece]:
        """The rest. A sentence that was cut off counts like any other: it is borne out or not."""
        if self._raw.strip():
            yield from self._state(self._raw)
        self._raw = ""

    def _state(self, raw: str) -> Iterator[WrittenPiece]:
        claim = Claim.of(raw)
        if not claim.text:
            return
        yield from self._show(claim.text)
        quotations = quotations_of(claim, self._passages)
        yield Statement(claim.text, quotations, _judged(claim, quotations))
        self._shown, self._any = "", True

    def _show(self, text: str) -> Iterator[TextDelta]:
        """What is new of the sentence's text."""
        if len(text) <= len(self._shown):
            return
        before = " " if self._any and not self._shown else ""
        yield TextDelta(before + text[len(self._shown) :])
        self._shown = text


def _judged(claim: Claim, quotations: Sequence[Quotation]) -> Judgement:
    passages = {id(one.passage): one.passage for one in quotations}.values()
    around = [text for passage in passages for text in (*passage.heading_path, *_sentences(passage))]
    return judge(claim.text, [one.quote for one in quotations], around=around)


def quotations_of(claim: Claim, passages: Sequence[Passage]) -> tuple[Quotation, ...]:
    """The best span of each passage that the claim cites, where it bears the claim out; of all passages if it cites none.

    Where none does, those that say the opposite.
    """
    if claim.cited:
        cited = [passages[number - 1] for number in claim.cited if 0 < number <= len(passages)]
        best = [_best(claim.text, [passage]) for passage in cited]
    else:
        best = [_best(claim.text, passages)]
    found = [one for one in best if one is not None]
    bearing = [quotation for quotation, turn in found if turn is Turn.NO]
    return tuple(bearing or [quotation for quotation, _ in found])


def _best(claim: str, passages: Sequence[Passage]) -> tuple[Quotation, Turn] | None:
    """The span that holds most of the claim's words, and every number of it; the shortest of several. What turns the claim comes
    last: what turns it for sure, then what may.
    """
    spans = [span for passage in passages for span in _spans(claim, passage) if span.score >= MIN_SUPPORT]
    spans.sort(key=lambda span: (-round(span.score, 6), len(span.quote)))
    language = language_of_texts([*(passage.text for passage in passages), claim])
    said = words_of(claim, language)
    read = [(span, words_of(span.quote, language)) for span in spans[:LOOKED_AT]]
    turns = [(span, turn_of(said, words), bool(said.figures - words.numbers)) for span, words in read]
    for wanted in (Turn.NO, Turn.YES, Turn.MAYBE):
        for span, turn, has_other_numbers in turns:
            if turn is wanted and not (has_other_numbers and turn is Turn.MAYBE):
                return span, turn
    return None


def _spans(claim: str, passage: Passage) -> Iterator[Quotation]:
    sentences = _sentence_spans(passage)
    for first, (start, _) in enumerate(sentences):
        for _, end in sentences[first : first + LONGEST_QUOTE]:
            quote = passage.text[start:end]
            yield Quotation(passage, passage.start + start, passage.start + end, quote, word_share(claim, quote))


def _sentences(passage: Passage) -> list[str]:
    return [passage.text[start:end] for start, end in _sentence_spans(passage)]


def _sentence_spans(passage: Passage) -> list[Span]:
    return [span for span in statement_spans(passage.text) if says_something(passage.text[slice(*span)])]


def _said(raw: str, *, whole: bool = True) -> str:
    """The text on one line without markers, its links taken apart: by a link a document could make a model tell what it read."""
    words = _MARKER.sub("", raw).split()
    if not whole and raw and not raw[-1].isspace():
        words = words[:-1]
    return _LINK.sub(" ", " ".join(words))


def _first_end(raw: str) -> int | None:
    """Where the first sentence ends, its markers with it; None as long as that may not be the end."""
    spans = statement_spans(raw)
    if not spans:
        return None
    end = spans[0][1]
    if markers := _MARKERS_FIRST.match(raw, end):
        end = markers.end()
    rest = raw[end:].lstrip()
    # Whether a sentence ends there shows only in the whole of the next word: "a.m. Mon" may become "Monday".
    return end if _WHOLE_WORD.match(rest) and not _PART_OF_MARKER.fullmatch(rest) else None
