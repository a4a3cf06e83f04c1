"""Raised and lowered characters, readings and link targets in plain text."""

from __future__ import annotations

import pytest

from apps.documents.parsing.scripts import Run, Script, lowered, raised, with_target, written


@pytest.mark.parametrize(
    ("before", "text", "shown"),
    [
        ("10", "6", "⁶"),
        ("10", "-6 ", "⁻⁶ "),
        ("x", "2n", "²ⁿ"),
        ("x", "max", "^(max)"),
        ("x", "n-k", "ⁿ⁻ᵏ"),
        ("Turnover", "a", "^(a)"),
        ("10", "1,5", "^(1,5)"),
        ("Turnover", "1", "¹"),
        ("Turnover", "1, 2", "¹, ²"),
        ("Turnover", "*", "*"),
        ("Turnover", "[1]", "[1]"),
        ("Zolprofen", "TM", "™"),
        ("the 1", "st", "st"),
        ("au XIX", "e", "e"),
        ("M", "me", "me"),
        ("", "Without taxes", "Without taxes"),
    ],
)
def test_what_is_raised_is_told_from_what_it_follows(before: str, text: str, shown: str) -> None:
    assert raised(text, after=before) == shown


def test_what_is_lowered_is_told_from_what_it_follows() -> None:
    assert (lowered("2"), lowered("max"), lowered("i", after="x")) == ("₂", "_(max)", "ᵢ")
    assert (lowered(" "), lowered("small print", after="in ")) == (" ", "small print")


@pytest.mark.parametrize(
    ("label", "target", "shown"),
    [
        ("the form ", "https://example.org/form", "the form (https://example.org/form) "),
        ("www.example.org", "https://www.example.org/", "www.example.org"),
        ("write to us", "mailto:desk@example.org?subject=x", "write to us (desk@example.org)"),
        ("desk@example.org", "mailto:desk@example.org", "desk@example.org"),
        ("see below", "#chapter", "see below"),
        ("more", "javascript:open()", "more"),
        (" ", "https://example.org/logo", " "),
    ],
)
def test_a_link_says_where_it_leads_unless_its_words_do(label: str, target: str, shown: str) -> None:
    assert with_target(label, target) == shown


def test_runs_of_one_kind_are_taken_together() -> None:
    runs = [
        Run("10"),
        Run("-", Script.RAISED),
        Run("6", Script.RAISED),
        Run(" at "),
        Run("東京", reading="とうきょう"),
        Run("駅", reading="えき"),
        Run(", see "),
        Run("the ", target="https://example.org"),
        Run("map", target="https://example.org"),
    ]

    assert written(runs) == "10⁻⁶ at 東京駅(とうきょうえき), see the map (https://example.org)"
