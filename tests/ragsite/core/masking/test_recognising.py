"""Values are found wherever they stand, and what only looks like one is left alone."""

from __future__ import annotations

import argparse
import time

import pytest

from benchmarks.gateway_mask_values import planted
from benchmarks.gateway_masks import arguments_add, is_masked, measure
from ragsite.core.masking.kinds import Find, Kind, finds_apart
from ragsite.core.masking.recognising import finds_in

TOLD = {
    "ring +49 (0)30 1234-567 now": [(Kind.PHONE, "+49 (0)30 1234-567")],
    "Tel.: 4567890, Fax: 4567891": [(Kind.PHONE, "4567890"), (Kind.PHONE, "4567891")],
    "06.12.34.56.78": [(Kind.PHONE, "06.12.34.56.78")],
    "mail <o'brien@mail.example.co.uk>.": [(Kind.EMAIL, "o'brien@mail.example.co.uk")],
    "anna@bücher.example, 电邮：li@例子.公司": [(Kind.EMAIL, "anna@bücher.example"), (Kind.EMAIL, "li@例子.公司")],
    "card 4111 1111 1111 1111 and 4111111111111112": [(Kind.CARD, "4111 1111 1111 1111")],
    "IBAN DE89 3704 0044\n0532 0130 00.": [(Kind.IBAN, "DE89 3704 0044\n0532 0130 00")],
    "GB82WEST12345698765432 not GB82WEST12345698765433": [(Kind.IBAN, "GB82WEST12345698765432")],
    "postgresql://app:hunter2secret@db/rag": [(Kind.SECRET, "hunter2secret")],
    "PASSWORD=letmein and password: swordfish": [(Kind.SECRET, "letmein")],
    "DB_PASSWORD='s3cr3t!pw'": [(Kind.SECRET, "s3cr3t!pw")],
    "Authorization: Bearer 9f8e7d6c5b4a39281706": [(Kind.SECRET, "9f8e7d6c5b4a39281706")],
    "身份证号11010519491231002X。": [(Kind.NATIONAL_ID, "11010519491231002X")],
    "BSN 111222333": [(Kind.NATIONAL_ID, "111222333")],
    "-----BEGIN PRIVATE KEY-----\nMIIB": [(Kind.SECRET, "-----BEGIN PRIVATE KEY-----\nMIIB")],
}
LEFT_ALONE = (
    "version 3.11.14, build 2024.01.02-1234 of 2024-01-02 10:15:00",
    "ISBN 978-3-16-148410-0 and ISSN 2049-3630",
    "order 4711-0815-2024, part XR-2041-77, invoice 2024/000123456",
    "10.0.0.1:8080 and 192.168.178.255:443",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "019ac3f2-1234-7456-8901-123456789012",
    "from 01.02.2024 10:00 to 02.02.2024 12:30, 1,234,567.89 euros, +20 000 000 euros",
    "1764270000.123 and 20241127184902 and 0000000000000000",
    "the password is required; set your password: choose one; token: <your token>; key = value",
    "icon@2x.png, git@github.com:org/repo.git, @media, a @ b.c, x@y",
    "arXiv 2606.17467, doi 10.1145/290941.291025, RFC 5869, CVE-2025-49844",
    "1 200 000 000 people, 12 345 678 km, 0.123456789, 3.14159265358979",
    "nine digits, 123456782, that stand alone",
    "RAGSITE_SECRET_KEY=$KEY, api_key=..., password=***, Bearer <token>",
)


@pytest.mark.parametrize("text", TOLD)
def test_a_value_is_found_as_a_whole_and_nothing_beside_it(text: str) -> None:
    assert [(find.kind, text[find.start : find.end]) for find in finds_in(text)] == TOLD[text]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_looks_like_a_value_and_is_none_is_left_alone(text: str) -> None:
    assert [text[find.start : find.end] for find in finds_in(text)] == []


def test_values_made_from_another_seed_than_the_rules_were_tried_on_are_all_masked() -> None:
    values = planted(600, seed=2026)
    assert [one for one in values if not is_masked(one)] == []


def test_the_projects_own_prose_has_next_to_no_false_find() -> None:
    options = argparse.ArgumentParser()
    arguments_add(options)
    figures = measure(options.parse_args(["--values", "30"]))
    assert figures["prose_kilobytes"] >= 199
    assert figures["false_masks"] <= 5


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "@", "a@", "1 ", "+1", "01-", "pass", "password is ", ".", "eyJ", "1::", "DE12 ", "tel", "://a:b", "-----BEGIN PRIVATE KEY-----"],  # noqa: E501 - a list
)  # fmt: skip
def test_the_time_grows_with_the_text_whatever_stands_in_it(piece: str) -> None:
    """100 kB in a second, where one that goes back and forth would take minutes; ten times that would be too long a test."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    finds_in(text, frozenset(Kind))
    assert time.process_time() - started < 2.0


def test_of_finds_upon_each_other_the_stronger_kind_stays_and_of_one_kind_the_longer() -> None:
    phone, card, short = Find(Kind.PHONE, 2, 20), Find(Kind.CARD, 0, 19), Find(Kind.CARD, 0, 10)
    assert finds_apart([phone, short, card]) == (card,)
    assert finds_apart([phone, Find(Kind.EMAIL, 30, 40)]) == (phone, Find(Kind.EMAIL, 30, 40))


def test_a_kind_that_is_not_asked_for_is_not_taken_for_another_one() -> None:
    text = "card 4111 1111 1111 1111, server 192.0.2.7"
    assert finds_in(text, {Kind.PHONE}) == ()
    assert [text[find.start : find.end] for find in finds_in(text, {Kind.IP_ADDRESS})] == ["192.0.2.7"]
