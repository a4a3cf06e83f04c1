"""From what a language model writes to statements that passages bear out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.answers.claims import Claim, ClaimReader, quotations_of
from apps.retrieval.answers.types import Statement, TextDelta, Verdict, WrittenPiece
from tests.apps.retrieval.making import passage

HARBOUR = passage("Lund is by the sea. The harbour has 42 berths for guests. It is closed in winter.", start=100)
OFFICE = passage("The office of the harbour opens at 8:30 in the morning. Ask for Anna there.", start=7)
TEXT = "The harbour has 42 berths for guests [1]. Its office opens at 8:30 in the morning. [2] Cats are not berths."


def read(text: str, *, size: int = 3) -> list[WrittenPiece]:
    reader = ClaimReader([HARBOUR, OFFICE])
    pieces = [piece for at in range(0, len(text), size) for piece in reader.add(text[at : at + size])]
    return [*pieces, *reader.finish()]


def statements(pieces: list[WrittenPiece]) -> list[Statement]:
    return [piece for piece in pieces if isinstance(piece, Statement)]


def quotes(text: str) -> list[list[str]]:
    return [[one.quote for one in statement.quotations] for statement in statements(read(text))]


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_sentences_get_the_quotations_of_what_they_cite_and_lose_their_markers(size: int) -> None:
    found = statements(read(TEXT, size=size))
    assert [(one.text, [quotation.quote for quotation in one.quotations], one.is_shown) for one in found] == [
        ("The harbour has 42 berths for guests.", ["The harbour has 42 berths for guests."], True),
        ("Its office opens at 8:30 in the morning.", [OFFICE.text.split(" Ask")[0]], True),
        ("Cats are not berths.", [], False),
    ]


def test_a_quotation_stands_at_its_place_in_the_version() -> None:
    (quotation,) = quotations_of(Claim.of("The harbour has 42 berths [1]."), [HARBOUR])
    assert HARBOUR.text[quotation.start - 100 : quotation.end - 100] == quotation.quote
    assert 0.6 <= quotation.score <= 1


@pytest.mark.parametrize("size", [1, 5, 500])
def test_the_text_grows_by_whole_words_and_each_statement_follows_its_own(size: int) -> None:
    written, stated = "", ""
    for piece in read(TEXT, size=size):
        if isinstance(piece, TextDelta):
            written += piece.text
        else:
            stated += f" {piece.text}"
            assert written.strip() == stated.strip()
        assert "[" not in written
    assert written.strip() == stated.strip()
    assert set(written.split()) <= set(TEXT.split()) | {"guests."}


PARTS = ["The pier is old. ", "[1]", "[1", ", 2]", " 42", "!", " e.g. ", "\n\n", "It has guests", "[x] "]


@given(st.lists(st.sampled_from(PARTS), max_size=12), st.integers(1, 9))
def test_whatever_is_written_the_deltas_are_the_statements(parts: list[str], size: int) -> None:
    pieces = read("".join(parts), size=size)
    written = "".join(piece.text for piece in pieces if isinstance(piece, TextDelta))
    assert written.split() == " ".join(one.text for one in statements(pieces)).split()


def test_a_number_that_the_passage_does_not_have_is_not_borne_out() -> None:
    assert quotes("The harbour has room for guests since 1843 [1].") == [[]]


def test_another_number_in_the_passage_says_the_opposite_and_is_quoted() -> None:
    (statement,) = statements(read("The harbour has 43 berths for guests [1]."))
    assert (statement.judgement.verdict, statement.is_shown) == (Verdict.CONTRADICTED, False)
    assert [one.quote for one in statement.quotations] == ["The harbour has 42 berths for guests."]


def test_a_sentence_that_bears_a_claim_out_counts_more_than_one_that_seems_to_turn_it() -> None:
    passage_of_both = passage("The old pier is not open to guests. The new pier is open to guests all year.")
    (quotation,) = quotations_of(Claim.of("The new pier is open to guests."), [passage_of_both])
    assert quotation.quote == "The new pier is open to guests all year."


def test_a_claim_with_a_name_that_no_passage_has_is_weak() -> None:
    (statement,) = statements(read("The harbour of Malmö has 42 berths for guests [1]."))
    assert (statement.judgement.verdict, statement.is_shown) == (Verdict.WEAK, True)


def test_a_name_in_a_heading_is_known() -> None:
    office = replace(OFFICE, heading_path=("Malmö",))
    claim = "The office in Malmö opens at 8:30 in the morning."
    (statement,) = [one for one in ClaimReader([office]).add(f"{claim} And ") if isinstance(one, Statement)]
    assert statement.judgement.verdict is Verdict.SUPPORTED


def test_what_a_cited_passage_does_not_say_is_not_looked_for_elsewhere() -> None:
    assert quotes("The harbour has 42 berths for guests [2].") == [[]]


def test_a_sentence_that_cites_nothing_is_looked_for_everywhere() -> None:
    assert quotes("The office opens at 8:30 in the morning.") == [[OFFICE.text.split(" Ask")[0]]]


def test_several_citations_each_have_their_quotation() -> None:
    assert [len(found) for found in quotes("The harbour [1, 2].")] == [2]


@pytest.mark.parametrize("text", ["Guests have 42 berths [9].", "Guests have 42 berths [0]."])
def test_a_passage_that_there_is_not_bears_nothing_out(text: str) -> None:
    assert quotes(text) == [[]]


def test_a_claim_over_two_sentences_of_a_passage_quotes_both() -> None:
    assert quotes("The harbour has 42 berths for guests and is closed in winter [1].") == [
        ["The harbour has 42 berths for guests. It is closed in winter."]
    ]
