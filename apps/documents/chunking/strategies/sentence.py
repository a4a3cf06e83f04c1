"""Inside the sections, at the ends of sentences, which llama-index's splitter packs into chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llama_index.core.node_parser import SentenceSplitter

from apps.documents.chunking.cutting import cores, small_joined
from apps.documents.chunking.measuring import COMMAS, WORD, Ruler
from apps.documents.chunking.types import Core, Embed
from apps.documents.parsing.types import Section, Span
from apps.documents.sentences.splitting import sentences

PARAGRAPH_END = "\n\n"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CLAUSE = re.compile(rf".+?(?:[,;:]\s+|[{COMMAS}]+\s*|\Z)", re.DOTALL)
_WORDS_WITH_SPACE = rf"\s*(?:{WORD.pattern})\s*"


def by_sentences(
    sections: Sequence[Section], ruler: Ruler, _embed: Embed | None
) -> Iterator[tuple[Section, list[Core]]]:
    """Each section with its cores; one that is too long is filled with whole paragraphs and sentences."""
    cutter = SentenceCutter(ruler)
    for section in small_joined(sections, ruler):
        yield section, cores(ruler, section.start, section.end, cut=cutter.cut)


class SentenceCutter:
    """Cuts prose into spans of at most `ruler.core_size`; each piece of the splitter is found again in the text."""

    def __init__(self, ruler: Ruler) -> None:
        self._ruler = ruler
        self._splitter = SentenceSplitter(
            chunk_size=ruler.core_size,
            chunk_overlap=0,
            paragraph_separator=PARAGRAPH_END,
            # The splitter only takes the length of what this gives.
            tokenizer=lambda text: range(ruler.words.text(text)),
            chunking_tokenizer_fn=self._sentence_parts,
            secondary_chunking_regex=_WORDS_WITH_SPACE,
        )

    def cut(self, start: int, end: int) -> Iterator[Span]:
        """The spans between `start` and `end`, in order."""
        position = start
        for word in self._ruler.words_over(self._ruler.core_size, start, end):
            yield from self._split(position, word[0])
            yield from self._ruler.pieces(*word, room=self._ruler.core_size)
            position = word[1]
        yield from self._split(position, end)

    def _split(self, start: int, end: int) -> Iterator[Span]:
        """Spans between `start` and `end`, where no word is larger than a core."""
        position = start
        pieces = self._splitter.split_text(self._ruler.text[start:end]) if start < end else []
        for piece in pieces:
            position, _ = self._ruler.trimmed(position, end)
            if not self._ruler.text.startswith(piece, position):
                raise ValueError(f"The splitter's piece {piece[:80]!r} does not match the text at {position}.")
            yield position, position + len(piece)
            position += len(piece)

    def _sentence_parts(self, text: str) -> list[str]:
        """The sentences of `text`; of one that is larger than a core its lines, of such a line its clauses."""
        parts = list(sentences(text))
        for pattern in (_LINE, _CLAUSE):
            parts = [finer for part in parts for finer in self._finer(part, pattern)]
        return parts

    def _finer(self, part: str, pattern: re.Pattern[str]) -> list[str]:
        return [part] if self._ruler.words.text(part) <= self._ruler.core_size else pattern.findall(part)
