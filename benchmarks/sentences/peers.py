"""The splitters that are held against each other. Each takes a text and its language, and gives the ends of its sentences."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from apps.documents.sentences.splitting import sentence_spans

Split = Callable[[str, str], Iterable[int]]
"""From a text and its ISO 639-1 code to the character after each of its sentences."""

_KNOWN = "en hi mr zh es am ar hy bg ur ru pl fa nl da fr my el it ja de kk sk"
PYSBD = _KNOWN.split()


def splitters() -> dict[str, Split]:
    """By name, those whose packages are installed here."""
    made: dict[str, Callable[[], Split]] = {
        "ragsite": lambda: _own,
        "sentencex": _sentencex,
        "pysbd": _pysbd,
        "icu": _icu,
        "punkt": _punkt,
        "syntok": _syntok,
        "blingfire": _blingfire,
    }
    found: dict[str, Split] = {}
    for name, make in made.items():
        try:
            found[name] = make()
        except ImportError:
            continue
    return found


def _own(text: str, _language: str) -> list[int]:
    return [end for _, end in sentence_spans(text)]


def _sentencex() -> Split:
    segment = importlib.import_module("sentencex").segment
    return lambda text, language: _ends(text, segment(language, text))


def _pysbd() -> Split:
    pysbd: Any = importlib.import_module("pysbd")
    each: dict[str, Any] = {}

    def split(text: str, language: str) -> Iterator[int]:
        known = language if language in PYSBD else "en"
        if known not in each:
            each[known] = pysbd.Segmenter(language=known, clean=False)
        return _ends(text, each[known].segment(text))

    return split


def _icu() -> Split:
    icu: Any = importlib.import_module("icu")

    def split(text: str, language: str) -> Iterator[int]:
        # The locale's list of abbreviations is the best that the library has.
        breaks = icu.BreakIterator.createSentenceInstance(icu.Locale(f"{language}@ss=standard"))
        breaks.setText(text)
        wide = [0]  # It counts UTF-16 units.
        for character in text:
            wide.append(wide[-1] + (2 if ord(character) > 0xFFFF else 1))
        place = {unit: at for at, unit in enumerate(wide)}
        start = 0
        for unit in breaks:
            end = place[unit]
            yield start + len(text[start:end].rstrip())
            start = end

    return split


def _punkt() -> Split:
    data = importlib.import_module("nltk.data")
    core = importlib.import_module("llama_index.core")
    data.path.append(str(Path(str(core.__file__)).parent / "_static" / "nltk_cache"))
    punkt = importlib.import_module("nltk.tokenize.punkt").PunktTokenizer("english")
    return lambda text, _language: [end for _, end in punkt.span_tokenize(text)]


def _syntok() -> Split:
    segmenter: Any = importlib.import_module("syntok.segmenter")

    def split(text: str, _language: str) -> Iterator[int]:
        for paragraph in segmenter.analyze(text):
            for sentence in paragraph:
                yield sentence[-1].offset + len(sentence[-1].value)

    return split


def _blingfire() -> Split:
    both = importlib.import_module("blingfire").text_to_sentences_and_offsets
    return lambda text, _language: [end for _, end in both(text)[1]]


def _ends(text: str, parts: Iterable[str]) -> Iterator[int]:
    """Of parts that follow each other, with or without the white space between them."""
    position = 0
    for part in parts:
        said = part.strip()
        if said and (at := text.find(said, position)) >= 0:
            position = at + len(said)
            yield position
