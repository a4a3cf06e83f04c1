"""From the text a language model writes to sentences, and from a sentence to what bears it out in the passages. Pure.

A model says which passage it has a sentence from by a number in brackets. What is quoted is found here, never what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from apps.documents.sentences.quick import says_something, sentence_spans
from apps.retrieval.answers.types import Judgement, Quotation, Statement, TextDelta, Verdict, WrittenPiece
from apps.retrieval.answers.word_share import word_share
from apps.retrieval.search.passages import Passage

MIN_SUPPORT = 0.6
"""The least share of a claim's content words that a quotation must hold."""

LONGEST_QUOTE = 2
"""Sentences."""

_MARKER = re.compile(r"\s*\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]")
_MARKERS_FIRST = re.compile(rf"(?:{_MARKER.pattern})+")
_PART_OF_MARKER = re.compile(r"\s*(?:\[[\d\s,]*)?$")
_LINK = re.compile(r"(?<=\])(?=[(:\[])|(?<=<)(?=[\w/!?])")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


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
        yield Statement(claim.text, quotations, _judged(quotations))
        self._shown, self._any = "", True

    def _show(self, text: str) -> Iterator[TextDelta]:
        """What is new of the sentence's text."""
        if len(text) <= len(self._shown):
            return
        before = " " if self._any and not self._shown else ""
        yield TextDelta(before + text[len(self._shown) :])
        self._shown = text


def _judged(quotations: Sequence[Quotation]) -> Judgement:
    return Judgement(Verdict.SUPPORTED if quotations else Verdict.UNSUPPORTED)


def quotations_of(claim: Claim, passages: Sequence[Passage]) -> tuple[Quotation, ...]:
    """The best span of each passage that the claim cites, where it bears the claim out; of all passages if it cites none."""
    if claim.cited:
        cited = [passages[number - 1] for number in claim.cited if 0 < number <= len(passages)]
        best = [_best(claim.text, [passage]) for passage in cited]
    else:
        best = [_best(claim.text, passages)]
    return tuple(found for found in best if found is not None)


def _best(claim: str, passages: Iterable[Passage]) -> Quotation | None:
    """The span that holds most of the claim's words, and every number of it; the shortest of several."""
    spans = [span for passage in passages for span in _spans(claim, passage)]
    best = max(spans, key=lambda span: (round(span.score, 6), -len(span.quote)), default=None)
    return best if best is not None and best.score >= MIN_SUPPORT else None


def _spans(claim: str, passage: Passage) -> Iterator[Quotation]:
    sentences = [span for span in sentence_spans(passage.text) if says_something(passage.text[slice(*span)])]
    numbers = set(_NUMBER.findall(claim))
    for first, (start, _) in enumerate(sentences):
        for _, end in sentences[first : first + LONGEST_QUOTE]:
            quote = passage.text[start:end]
            if numbers <= set(_NUMBER.findall(quote)):
                yield Quotation(passage, passage.start + start, passage.start + end, quote, word_share(claim, quote))


def _said(raw: str, *, whole: bool = True) -> str:
    """The text on one line without markers, its links taken apart: by a link a document could make a model tell what it read."""
    words = _MARKER.sub("", raw).split()
    if not whole and raw and not raw[-1].isspace():
        words = words[:-1]
    return _LINK.sub(" ", " ".join(words))


def _first_end(raw: str) -> int | None:
    """Where the first sentence ends, its markers with it; None as long as that may not be the end."""
    spans = sentence_spans(raw)
    if not spans:
        return None
    end = spans[0][1]
    if markers := _MARKERS_FIRST.match(raw, end):
        end = markers.end()
    rest = raw[end:].lstrip()
    return end if rest and not _PART_OF_MARKER.fullmatch(rest) else None
