"""Cuts a document into chunks, as its strategy says.

A strategy gives each section its cores, which don't overlap; each core is then led in by the end of the one before it.
A section that fits is one chunk, except where the strategy cuts by meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from apps.documents.chunking.breaks import place_of, sentences_whole
from apps.documents.chunking.measuring import WORD, Ruler
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from apps.documents.chunking.strategies.heading import by_headings
from apps.documents.chunking.strategies.semantic import by_meaning
from apps.documents.chunking.strategies.sentence import by_sentences
from apps.documents.chunking.strategies.tokens import by_tokens
from apps.documents.chunking.types import ChunkSpan, Core, Embed, Tokenizer
from apps.documents.parsing.types import ParsedDocument, Section, Span
from apps.documents.sentences.splitting import sentence_spans

BESIDE = 80
"""Characters before a place that are enough to tell whether a sentence begins there: that depends on the words beside it."""


def from_sentence(ruler: Ruler, previous: Span, core_start: int) -> int:
    """Where a chunk begins that repeats the end of `previous`: at a sentence, else a line, else a word."""
    earliest = from_word(ruler, previous, core_start)
    if earliest == core_start:
        return core_start
    begin = max(previous[0], earliest - BESIDE)
    starts = (start for start, _ in sentence_spans(ruler.text, begin, core_start) if start >= earliest)
    line_end = ruler.text.find("\n", earliest, core_start)
    line_start = ruler.trimmed(line_end, core_start)[0] if line_end >= 0 else core_start
    return next(starts, line_start if line_start < core_start else earliest)


def from_word(ruler: Ruler, previous: Span, core_start: int) -> int:
    """Where a chunk begins that repeats as many whole words of the end of `previous` as the overlap takes."""
    earliest, tokens = core_start, 0
    for word in reversed(list(WORD.finditer(ruler.text, previous[0], core_start))):
        tokens += ruler.words.word(word[0])
        if tokens > ruler.overlap or word.start() <= previous[0]:
            break
        earliest = word.start()
    return earliest


CutSections = Callable[[Sequence[Section], Ruler, Embed | None], Iterable[tuple[Section, list[Core]]]]
Repeat = Callable[[Ruler, Span, int], int]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How sections are cut into cores, and where what a chunk repeats may begin."""

    cut: CutSections
    repeat: Repeat


STRATEGIES: Mapping[ChunkingStrategy, Strategy] = {
    ChunkingStrategy.SENTENCE: Strategy(by_sentences, repeat=from_sentence),
    ChunkingStrategy.HEADING: Strategy(by_headings, repeat=from_sentence),
    ChunkingStrategy.TOKENS: Strategy(by_tokens, repeat=from_word),
    ChunkingStrategy.SEMANTIC: Strategy(by_meaning, repeat=from_sentence),
}


def chunk(
    document: ParsedDocument,
    settings: ChunkingSettings,
    tokenizer: Tokenizer,
    *,
    embed: Embed | None = None,
    beside: int = 0,
) -> tuple[ChunkSpan, ...]:
    """The chunks of a document, in order of their strictly rising starts.

    Every character that is not whitespace is in some chunk; no chunk joins two places, except for the rest of a sentence
    that goes on over the end of a page. None begins or ends in whitespace, or has more tokens than `settings.size` and
    `tokenizer.limit` allow, of which so many are left free for what stands `beside` it. Only the strategy SEMANTIC calls
    `embed`, with a few hundred texts at a time, none longer than a chunk; what `embed` raises is passed on. Raises ValueError
    when it is missing there, or gives anything but one finite vector a text.
    """
    ruler = Ruler(document.text, settings=settings, tokenizer=tokenizer, beside=beside)
    strategy = STRATEGIES[settings.strategy]
    sections = document.sections
    goes_on = any(section.goes_on for section in sections)
    whole = sentences_whole(document.text, sections) if goes_on else sections
    spans = tuple(
        span
        for section, cores in strategy.cut(whole, ruler, embed)
        for span in _chunks(section, cores, ruler=ruler, repeat=strategy.repeat)
    )
    return _placed(spans, sections) if goes_on else spans


def _placed(spans: Iterable[ChunkSpan], sections: Sequence[Section]) -> tuple[ChunkSpan, ...]:
    """The chunks, each at the pages that it reaches over."""
    starts = [section.start for section in sections]
    return tuple(replace(span, place=place_of(sections, starts, span.start, span.end)) for span in spans)


def _chunks(section: Section, cores: Iterable[Core], *, ruler: Ruler, repeat: Repeat) -> Iterator[ChunkSpan]:
    previous: Span | None = None
    for core in cores:
        lead_in = repeat(ruler, previous, core.start) if previous else core.start
        for start, end, token_count in _fitted(ruler, lead_in, core):
            header = _header(ruler, core, start, end)
            yield ChunkSpan(start, end, token_count, section.heading_path, section.place, header)
            previous = (max(start, core.repeat_from), end)


def _fitted(ruler: Ruler, lead_in: int, core: Core) -> Iterator[tuple[int, int, int]]:
    """The chunk as it is, or without what it repeats, or cut: whichever first has few enough tokens."""
    for start in (lead_in, core.start):
        token_count = ruler.count(start, core.end)
        if token_count <= ruler.size:
            yield start, core.end, token_count
            return
    for start, end in ruler.pieces(core.start, core.end, room=ruler.core_size):
        yield start, end, ruler.count(start, end)


def _header(ruler: Ruler, core: Core, start: int, end: int) -> str:
    """The first row of the table that a chunk goes on with; "" if it is in the chunk, or too long to go before it."""
    if core.header is None or start <= core.header[0]:
        return ""
    header = ruler.text[slice(*core.header)]
    return header if ruler.count_text(f"{header}\n{ruler.text[start:end]}") <= ruler.size else ""
