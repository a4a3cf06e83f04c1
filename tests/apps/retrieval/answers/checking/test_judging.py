"""What the checker says of sentences as language models write them: true and false ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.answers.checking.judging import judge
from apps.retrieval.answers.claims import ClaimReader
from apps.retrieval.answers.types import SHOWN, Statement, Verdict
from tests.apps.retrieval.answers.checking.sayings import TOLD, Told
from tests.apps.retrieval.making import passage


def verdict(claim: str, told: Told) -> Verdict:
    """Of the claim as the only sentence that was written."""
    reader = ClaimReader([passage(told.passage)])
    (statement,) = [one for one in [*reader.add(claim), *reader.finish()] if isinstance(one, Statement)]
    return statement.judgement.verdict


def all_of(kind: str) -> Iterator[tuple[str, Told]]:
    return ((claim, told) for told in TOLD for claim in getattr(told, kind))


@pytest.mark.parametrize(("claim", "told"), [*all_of("true")])
def test_what_a_passage_says_is_shown_however_it_is_put(claim: str, told: Told) -> None:
    assert verdict(claim, told) in SHOWN


@pytest.mark.parametrize(("claim", "told"), [*all_of("turned"), *all_of("renamed")])
def test_what_is_changed_is_never_supported(claim: str, told: Told) -> None:
    assert verdict(claim, told) is not Verdict.SUPPORTED


def test_most_of_what_is_true_is_supported_and_of_what_is_turned_is_contradicted() -> None:
    found = {kind: Counter(verdict(*one) for one in all_of(kind)) for kind in ("true", "turned", "renamed")}
    assert found == {
        "true": {Verdict.SUPPORTED: 26, Verdict.WEAK: 2},
        "turned": {Verdict.CONTRADICTED: 29, Verdict.WEAK: 3, Verdict.UNSUPPORTED: 2},
        "renamed": {Verdict.WEAK: 4},
    }


@pytest.mark.parametrize(
    ("claim", "quote", "due"),
    [
        ("The ticket costs 300 euros.", "The ticket costs 300 euros and is not refundable.", Verdict.WEAK),
        ("The pier has 42 berths.", "The pier has 42 berths, but not for ships.", Verdict.SUPPORTED),
        ("The pier is not open in May.", "The pier is closed in May.", Verdict.WEAK),
        ("Dogs may enter.", "Dogs may not only enter but stay.", Verdict.SUPPORTED),
        ("Loans last 12 days.", "It lends 12 books. Loans last 21 days.", Verdict.CONTRADICTED),
        ("Egr2 regulates the growth of cells.", "Egr2 and Egr3 regulate the growth of cells.", Verdict.SUPPORTED),
        ("The fee is 1.250 kronor.", "The fee is 1,250 kronor.", Verdict.SUPPORTED),
    ],
)
def test_a_negation_or_number_counts_only_for_what_it_stands_with(claim: str, quote: str, due: Verdict) -> None:
    assert judge(claim, [quote]).verdict is due


def test_one_quotation_that_bears_it_out_is_enough() -> None:
    assert judge("The pier has 42 berths.", ["The pier has 40 berths.", "The pier has 42 berths."]).verdict in SHOWN


def test_without_a_quotation_nothing_is_borne_out() -> None:
    assert judge("The pier is old.", []).verdict is Verdict.UNSUPPORTED


WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "pier",
            "is",
            "not",
            "42",
            "1,5",
            "open",
            "closed",
            "Malmö",
            "и",
            "не",
            "港",
            ".",
            ",",
            ";",
            "(",
            "\x00",
            "",
        ]
    ),
    max_size=12,
)


@given(WORDS.map(" ".join), st.lists(WORDS.map(" ".join), max_size=3))
def test_whatever_is_written_there_is_a_verdict(claim: str, quotes: list[str]) -> None:
    found = judge(claim, quotes)
    assert 0 <= found.confidence <= 1
    assert found == judge(claim, quotes)
