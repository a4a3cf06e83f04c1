"""What every generator of answers keeps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from apps.models.gateway import using_transport
from apps.models.gateway.calls import TRANSPORTS
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.language import LanguageModelGenerator
from apps.retrieval.answers.reading import ReaderGenerator
from apps.retrieval.answers.types import Generator, Material, Statement, TextDelta, WrittenPiece
from ragsite.core.ids import new_id
from tests import factories as make
from tests.apps.retrieval.answers.streaming import StreamingGenerator
from tests.apps.retrieval.making import material, passage
from tests.apps.retrieval.transports import CountingTransport

QUESTION = "How many berths for guests has the harbour?"
FIRST, SECOND = "The harbour has 42 berths for guests.", "Of berths for guests the harbour has 42."
TEXT = f"It is an old pier. {FIRST} {SECOND}"

WRITER = InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
"""What the fake transport takes for one: it says over again what it is told."""

READER = InstalledModel(new_id(), "reader", Path("/nowhere"), "0" * 64, 64, ModelKind.READING)

GENERATORS: dict[str, Callable[[], Generator]] = {
    "extractive": ExtractiveGenerator,
    "language model": lambda: LanguageModelGenerator(WRITER),
    "reader": lambda: ReaderGenerator(READER),
    "streaming": lambda: StreamingGenerator([FIRST, SECOND]),
}


@pytest.fixture(params=GENERATORS)
def generator(request: pytest.FixtureRequest) -> Generator:
    return GENERATORS[request.param]()


@pytest.fixture
def asked() -> Material:
    return material(QUESTION, passage(TEXT, start=100))


@pytest.fixture
def pieces(generator: Generator, asked: Material) -> Sequence[WrittenPiece]:
    return list(generator.generate(asked, deadline=make.soon()))


def test_it_has_a_name(generator: Generator) -> None:
    assert generator.name


def test_a_statement_follows_the_text_it_is_made_of(pieces: Sequence[WrittenPiece]) -> None:
    written, stated = "", ""
    for piece in pieces:
        if isinstance(piece, TextDelta):
            written += piece.text
        elif isinstance(piece, Statement):
            stated += f" {piece.text}"
            assert written.split() == stated.split()
    assert stated.split()
    assert written.split() == stated.split(), "the deltas together are the text"


def test_what_a_statement_quotes_stands_in_the_version_at_its_span(pieces: Sequence[WrittenPiece]) -> None:
    quotations = [quotation for one in pieces if isinstance(one, Statement) for quotation in one.quotations]
    assert quotations
    for quotation in quotations:
        assert TEXT[quotation.start - 100 : quotation.end - 100] == quotation.quote
        assert 0 <= quotation.score <= 1.001


def test_nothing_is_computed_before_the_first_piece_is_taken(
    generator: Generator, asked: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = CountingTransport()
    monkeypatch.setitem(TRANSPORTS, "watched", lambda: watched)
    with using_transport("watched"):
        pieces = generator.generate(asked, deadline=make.soon())
        pieces.close()
        assert list(pieces) == []
    assert watched.texts == []


def test_writing_can_be_ended_at_any_piece(generator: Generator, asked: Material) -> None:
    pieces = generator.generate(asked, deadline=make.soon())
    next(pieces)
    pieces.close()
    assert list(pieces) == []
