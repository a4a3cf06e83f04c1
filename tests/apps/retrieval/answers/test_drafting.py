from __future__ import annotations

from typing import Any

import pytest

from apps.retrieval.answers.drafting import pieces_collect, pieces_write
from apps.retrieval.answers.types import DraftEnd, Generator, Material, Pieces, Statement, TextDelta, Withdrawal
from apps.retrieval.search.degradation import DegradedStep
from apps.retrieval.search.timing import Timings
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError, RagError
from tests import factories as make
from tests.apps.retrieval.answers.streaming import StreamingGenerator
from tests.apps.retrieval.making import passage

FIRST, SECOND = "The harbour has 42 berths.", "A berth costs 31 euros."
MATERIAL = Material("What of the berths?", (passage(f"{FIRST} {SECOND}"),))
SILENCE = ModelUnavailableError("No worker.", code="circuit_open")


def write(*generators: Generator, material: Material = MATERIAL) -> Pieces:
    return pieces_write(material, generators, deadline=make.soon(), timings=Timings())


def test_nothing_is_computed_before_it_is_taken() -> None:
    generator = StreamingGenerator([FIRST, SECOND])
    pieces = write(generator)
    assert generator.computed == []
    for words in (["The"], ["The", "harbour"]):
        assert next(pieces) == TextDelta(f"{words[-1]} ")
        assert generator.computed == words


def test_a_reader_who_leaves_stops_the_generator() -> None:
    generator = StreamingGenerator([FIRST, SECOND])
    pieces = write(generator)
    next(pieces)
    pieces.close()
    assert (generator.computed, generator.stopped) == (["The"], True)


def test_the_pieces_end_with_who_wrote_them_and_how_long_it_took() -> None:
    *written, end = write(StreamingGenerator([FIRST, SECOND]))
    assert "".join(piece.text for piece in written if isinstance(piece, TextDelta)).split() == [
        *FIRST.split(), *SECOND.split(),
    ]  # fmt: skip
    assert [piece.text for piece in written if isinstance(piece, Statement)] == [FIRST, SECOND]
    assert isinstance(end, DraftEnd)
    assert (end.generator, end.passages, end.degraded) == ("streaming", 1, ())
    assert end.milliseconds.keys() == {"generate"}


def test_what_is_done_between_the_pieces_is_not_counted_as_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000))
    monkeypatch.setattr("apps.retrieval.search.timing.time.monotonic", lambda: next(clock))
    pieces = write(StreamingGenerator([FIRST]))
    for _ in range(6):
        next(pieces)
        for _ in range(50):
            next(clock)
    assert next(pieces).milliseconds == {"generate": 7 * 1000.0}, "five words, a statement and the look for more"


@pytest.mark.parametrize("failure", [SILENCE, ModelNotFoundError("It is gone.")], ids=["transient", "permanent"])
def test_what_a_generator_gave_before_it_gave_up_is_withdrawn_and_the_end_says_why(failure: RagError) -> None:
    failing, other = StreamingGenerator([FIRST], failure, name="first"), StreamingGenerator([SECOND], name="second")
    pieces = list(write(failing, other))
    place = pieces.index(Withdrawal("first", failure))
    assert [piece.text for piece in pieces[:place] if isinstance(piece, Statement)] == [FIRST]
    collected = pieces_collect(pieces)
    assert [statement.text for statement in collected.statements] == [SECOND]
    assert collected.end.generator == "second"
    assert [(one.step, one.error) for one in collected.end.degraded] == [(DegradedStep.GENERATE, failure)]


def test_a_generator_that_answers_leaves_the_others_alone() -> None:
    other = StreamingGenerator([SECOND])
    pieces_collect(write(StreamingGenerator([FIRST]), other))
    assert other.computed == []


def test_a_generator_of_which_nothing_is_borne_out_is_withdrawn_and_the_next_one_answers() -> None:
    wild, other = StreamingGenerator(["The moon is made of cheese."], name="wild"), StreamingGenerator([FIRST])
    pieces = list(write(wild, other))
    assert [piece.generator for piece in pieces if isinstance(piece, Withdrawal)] == ["wild"]
    draft = pieces_collect(pieces)
    assert [statement.text for statement in draft.shown] == [FIRST]
    assert [one.error.error_code for one in draft.end.degraded] == ["nothing_borne_out"]


@pytest.mark.parametrize("said", [[], ["The moon is made of cheese.", FIRST]], ids=["declines", "says more"])
def test_a_generator_that_declines_or_is_borne_out_in_part_has_answered(said: list[str]) -> None:
    other = StreamingGenerator([SECOND])
    draft = pieces_collect(write(StreamingGenerator(said, name="first"), other))
    assert (draft.end.generator, draft.end.degraded, other.computed) == ("first", (), [])


def test_the_last_generator_is_not_withdrawn_for_what_nothing_bears_out() -> None:
    draft = pieces_collect(write(StreamingGenerator(["The moon is made of cheese."])))
    assert (draft.shown, [one.text for one in draft.statements]) == ((), ["The moon is made of cheese."])


def test_when_the_last_generator_gives_up_its_error_is_that_of_the_draft() -> None:
    pieces = write(StreamingGenerator([], ModelUnavailableError("Another.")), StreamingGenerator([FIRST], SILENCE))
    with pytest.raises(ModelUnavailableError) as raised:
        list(pieces)
    assert raised.value is SILENCE


def test_without_passages_no_generator_is_asked() -> None:
    generator = StreamingGenerator([FIRST], SILENCE)
    (end,) = write(generator, material=Material("What of the berths?", ()))
    assert (end.generator, end.passages, generator.computed) == ("streaming", 0, [])


def test_half_a_draft_is_not_a_draft() -> None:
    def stopped() -> Any:
        yield from list(write(StreamingGenerator([FIRST])))[:-1]

    with pytest.raises(ValueError, match="no end"):
        pieces_collect(stopped())


def test_a_statement_leads_nowhere_unsafe_while_its_quotation_stays_as_it_stands() -> None:
    sentence = "Click [here](javascript:steal) for the berths."
    pieces = list(write(StreamingGenerator([sentence]), material=Material("What of the berths?", (passage(sentence),))))
    statement = next(piece for piece in pieces if isinstance(piece, Statement))
    assert statement.text == "Click [here] (javascript:steal) for the berths."
    assert [quotation.quote for quotation in statement.quotations] == [sentence]
    assert not any("](javascript" in piece.text for piece in pieces if isinstance(piece, TextDelta))
