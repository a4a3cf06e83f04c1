"""Cuts a document into chunks: inside its sections, at the ends of sentences, with whole sentences repeated.

A section that fits is one chunk. A longer one is cut into cores that don't overlap, by llama-index's sentence splitter;
each core is found again in the text, so that its exact span is known, and is then led in by the end of the core
before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import llama_index.core
import nltk.data
from llama_index.core.node_parser import SentenceSplitter
from nltk.tokenize.punkt import PunktTokenizer

from apps.documents.chunking.measuring import CHARACTERS_PER_TOKEN, COMMAS, FULL_STOPS, WORD, WordMeasure
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.chunking.types import ChunkSpan, Tokenizer
from apps.documents.parsing.types import ParsedDocument, Section

Span = tuple[int, int]

PARAGRAPH_END = "\n\n"
# The most characters that are searched for sentences at a time: nltk gives each search five seconds and then fails.
WINDOW = 10_000
# Text without spaces is mostly dense in tokens: a first look only so far ahead saves counting the rest each time.
FEW_CHARACTERS_PER_TOKEN = 4
# llama-index bundles nltk's data, so nothing is downloaded; left to itself it uses an untrained model, which ends a
# sentence after "Dr.".
nltk.data.path.append(str(Path(llama_index.core.__file__).parent / "_static" / "nltk_cache"))
_PUNKT = PunktTokenizer("english")
_FULL_STOP = re.compile(rf".+?(?:[{FULL_STOPS}]+\s*|\Z)", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CLAUSE = re.compile(rf".+?(?:[,;:]\s+|[{COMMAS}]+\s*|\Z)", re.DOTALL)
_WORDS_WITH_SPACE = rf"\s*(?:{WORD.pattern})\s*"


def chunk(document: ParsedDocument, settings: ChunkingSettings, tokenizer: Tokenizer) -> tuple[ChunkSpan, ...]:
    """The chunks of a document, in order of their strictly rising starts.

    Every character that is not whitespace is in some chunk; no chunk crosses a section's border, begins or ends in
    whitespace, or has more tokens than `settings.size` and `tokenizer.limit` allow.
    """
    chunker = _Chunker(document.text, settings=settings, tokenizer=tokenizer)
    return tuple(span for section in document.sections for span in chunker.chunks(section))


def _sentences(text: str) -> Iterator[str]:
    """The sentences of `text`, in order, each with the whitespace after it: together they are `text`."""
    for window in _windows(text):
        later_starts = [start for start, _ in _PUNKT.span_tokenize(window)][1:]
        for start, end in pairwise([0, *later_starts, len(window)]):
            yield from _FULL_STOP.findall(window[start:end])


def _windows(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > WINDOW:
        middle, end = start + WINDOW // 2, start + WINDOW
        gaps = (text.rfind(gap, middle, end) for gap in (PARAGRAPH_END, "\n", " "))
        cut = next((gap for gap in gaps if gap >= 0), end)
        yield text[start:cut]
        start = cut
    yield text[start:]


class _Chunker:
    """Cuts the sections of one text. `core_size` leaves room for the overlap before each core."""

    def __init__(self, text: str, *, settings: ChunkingSettings, tokenizer: Tokenizer) -> None:
        self._text = text
        self._tokenizer = tokenizer
        self._size = min(settings.size, tokenizer.limit)
        self._overlap = min(settings.overlap, self._size // 2)
        self._core_size = self._size - self._overlap
        self._measure = WordMeasure(tokenizer)
        self._splitter = SentenceSplitter(
            chunk_size=self._core_size,
            chunk_overlap=0,
            paragraph_separator=PARAGRAPH_END,
            # The splitter only takes the length of what this gives.
            tokenizer=lambda text: range(self._measure.text(text)),
            chunking_tokenizer_fn=self._sentence_parts,
            secondary_chunking_regex=_WORDS_WITH_SPACE,
        )

    def chunks(self, section: Section) -> Iterator[ChunkSpan]:
        previous: Span | None = None
        for core_start, core_end in self._cores(section):
            lead_in = self._lead_in(previous, core_start) if previous else core_start
            for start, end, token_count in self._fitted(lead_in, core_start, core_end):
                yield ChunkSpan(start, end, token_count, section.heading_path, section.place)
                previous = (max(start, core_start), end)

    def _cores(self, section: Section) -> Iterator[Span]:
        start, end = self._trimmed(section.start, section.end)
        if self._measure.text(self._text[start:end]) <= self._size:
            yield from [(start, end)] if start < end else []
            return
        position = start
        for word in WORD.finditer(self._text, start, end):
            if self._measure.word(word[0]) > self._core_size:
                yield from self._split(position, word.start())
                yield from ((piece_start, piece_end) for piece_start, piece_end, _ in self._cut(*word.span()))
                position = word.end()
        yield from self._split(position, end)

    def _split(self, start: int, end: int) -> Iterator[Span]:
        """Cores between `start` and `end`, where no word is larger than a core."""
        position = start
        pieces = self._splitter.split_text(self._text[start:end]) if start < end else []
        for piece in pieces:
            position, _ = self._trimmed(position, end)
            if not self._text.startswith(piece, position):
                raise ValueError(f"The splitter's piece {piece[:80]!r} is not what stands at {position} of the text.")
            yield position, position + len(piece)
            position += len(piece)

    def _sentence_parts(self, text: str) -> list[str]:
        """The sentences of `text`; of one that is larger than a core its lines, of such a line its clauses."""
        parts = list(_sentences(text))
        for pattern in (_LINE, _CLAUSE):
            parts = [finer for part in parts for finer in self._finer(part, pattern)]
        return parts

    def _finer(self, part: str, pattern: re.Pattern[str]) -> list[str]:
        return [part] if self._measure.text(part) <= self._core_size else pattern.findall(part)

    def _lead_in(self, previous: Span, core_start: int) -> int:
        """Where a chunk begins that repeats the end of `previous`: at a sentence, else a line, else a word."""
        earliest = self._earliest_repeated(previous, core_start)
        if earliest == core_start:
            return core_start
        starts = (start for start in self._sentence_starts(previous[0], core_start) if start >= earliest)
        line_end = self._text.find("\n", earliest, core_start)
        line_start = self._trimmed(line_end, core_start)[0] if line_end >= 0 else core_start
        return next(starts, line_start if line_start < core_start else earliest)

    def _earliest_repeated(self, previous: Span, core_start: int) -> int:
        earliest, tokens = core_start, 0
        for word in reversed(list(WORD.finditer(self._text, previous[0], core_start))):
            tokens += self._measure.word(word[0])
            if tokens > self._overlap or word.start() <= previous[0]:
                break
            earliest = word.start()
        return earliest

    def _sentence_starts(self, start: int, end: int) -> Iterator[int]:
        position = start
        for sentence in _sentences(self._text[start:end]):
            position, _ = self._trimmed(position, end)
            if position < end:
                yield position
            position += len(sentence.lstrip())

    def _fitted(self, start: int, core_start: int, core_end: int) -> Iterator[tuple[int, int, int]]:
        """The chunk as it is, or without what it repeats, or cut: whichever first has few enough tokens."""
        for candidate in (start, core_start):
            token_count = self._tokenizer.count(self._text[candidate:core_end])
            if token_count <= self._size:
                yield candidate, core_end, token_count
                return
        yield from self._cut(core_start, core_end)

    def _cut(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Spans with their token counts, cut between tokens without regard to words."""
        start, end = self._trimmed(start, end)
        while start < end:
            piece_start, piece_end = self._trimmed(start, self._fitting_end(start, end))
            yield piece_start, piece_end, self._tokenizer.count(self._text[piece_start:piece_end])
            start, _ = self._trimmed(piece_end, end)

    def _fitting_end(self, start: int, end: int) -> int:
        """How far a piece from `start` can go; at least one character."""
        for characters_per_token in (FEW_CHARACTERS_PER_TOKEN, CHARACTERS_PER_TOKEN):
            window = self._text[start : min(end, start + self._core_size * characters_per_token)]
            offsets = self._tokenizer.offsets(window)
            if len(offsets) > self._core_size:
                break
        kept = min(len(offsets), self._core_size)
        length = len(window) if kept == len(offsets) else max(offsets[kept - 1][1], 1)
        # A word that is cut may have more tokens than the same characters had inside the whole word.
        while kept > 1 and (excess := self._tokenizer.count(window[:length]) - self._size) > 0:
            kept = max(kept - excess, 1)
            length = max(offsets[kept - 1][1], 1)
        return start + length

    def _trimmed(self, start: int, end: int) -> Span:
        """The span without whitespace at its ends; (end, end) where nothing else is in it."""
        while start < end and self._text[start].isspace():
            start += 1
        while start < end and self._text[end - 1].isspace():
            end -= 1
        return start, end
