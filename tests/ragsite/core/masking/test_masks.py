"""A mask is as long as its value, the same for the same value of a tenant, and tells nothing of it."""

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragsite.core.masking import logs
from ragsite.core.masking.kinds import Kind
from ragsite.core.masking.logs import CLEAN_KEPT, record_masked, text_for_logs
from ragsite.core.masking.masks import Masks, masks_of
from ragsite.core.masking.names import _analyser, name_finds
from ragsite.core.masking.recognising import finds_in

MASKS = Masks(b"key")
ONE, OTHER = UUID(int=1), UUID(int=2)


@given(kind=st.sampled_from(Kind), value=st.text(min_size=1, max_size=60))
def test_a_mask_has_the_length_of_the_value_and_its_line_breaks(kind: Kind, value: str) -> None:
    mask = MASKS.mask(kind, value)
    assert len(mask) == len(value)
    assert [at for at, one in enumerate(mask) if one == "\n"] == [at for at, one in enumerate(value) if one == "\n"]
    assert finds_in(f"password: {mask} tel. {mask}") == ()


def test_the_same_value_has_the_same_mask_within_a_tenant_and_another_one_elsewhere() -> None:
    mine, theirs = masks_of(ONE), masks_of(OTHER)
    one = mine.mask(Kind.EMAIL, "anna@example.org")
    assert (one[:8], one[-1]) == ("[e-mail ", "]")
    assert one == mine.mask(Kind.EMAIL, "Anna@Example.org") != mine.mask(Kind.EMAIL, "anne@example.org")
    assert one != theirs.mask(Kind.EMAIL, "anna@example.org")
    assert mine.mask(Kind.PHONE, "030 1234567") == mine.mask(Kind.PHONE, "030/1234567")


def test_a_text_keeps_every_span_and_says_how_many_values_it_had() -> None:
    text = "Write to anna@example.org or ring +49 30 1234567; anna@example.org answers."
    masked = MASKS.masked(text)
    assert len(masked.text) == len(text)
    assert masked.counts == {Kind.EMAIL: 2, Kind.PHONE: 1}
    assert masked.text[text.index("answers") :] == "answers."
    assert MASKS.masked(masked.text).text == masked.text
    assert MASKS.masked(text, {Kind.PHONE}).text.count("anna@example.org") == 2


def test_names_are_found_where_an_analyser_is_installed_and_wanted(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    class AnalyzerEngine:
        def analyze(self, *, text: str, entities: list[str], language: str) -> list[SimpleNamespace]:
            assert (entities, language) == (["PERSON"], "en")
            at = text.find("Ada Lovelace")
            return [SimpleNamespace(start=at, end=at + 12)] if at >= 0 else []

    assert list(name_finds("by Ada Lovelace")) == []
    package = ModuleType("presidio_analyzer")
    package.AnalyzerEngine = AnalyzerEngine  # type: ignore[attr-defined]
    package.__spec__ = SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", package)
    assert list(name_finds("by Ada Lovelace")) == []
    settings.RAGSITE_MASK_NAMES = "en"
    text = "x" * 50_000 + "by Ada Lovelace"
    try:
        (found,) = name_finds(text)
    finally:
        _analyser.cache_clear()
    assert (found.kind, text[found.start : found.end]) == (Kind.NAME, "Ada Lovelace")


def record(message: str, *args: Any, error: BaseException | None = None) -> logging.LogRecord:
    exc_info: Any = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("apps", logging.INFO, __file__, 1, message, args, exc_info)


def test_a_line_of_a_log_has_no_value_whether_in_its_message_its_arguments_or_its_traceback() -> None:
    assert record_masked(record("mail to anna@example.org")).getMessage() == "mail to [e-mail]"
    access = record_masked(record('%s - "%s %s" %d', "10.0.0.1", "GET", "/x?mail=anna@example.org", 200))
    assert access.getMessage() == '10.0.0.1 - "GET /x?mail=[e-mail]" 200'
    assert len(access.args or ()) == 4
    split = record_masked(record("key %s.%s", "rag_0123456789ab", "A" * 20 + "b1-" + "C" * 20))
    assert split.getMessage() == "key [secret]"
    try:
        raise ValueError("not taken: anna@example.org")
    except ValueError as error:
        told = logging.Formatter("%(message)s").format(record_masked(record("failed", error=error)))
    assert "anna@" not in told
    assert "ValueError: not taken: [e-mail]" in told


def test_lines_without_values_are_remembered_up_to_a_number_and_none_with_one() -> None:
    lines = [f"GET /api/v1/search 429 in {number} ms" for number in range(CLEAN_KEPT + 10)]
    with_value = "write to ines@harbour.example 429"
    assert [text_for_logs(line) for line in lines] == lines
    assert [text_for_logs(with_value) for _ in range(2)] == ["write to [e-mail] 429"] * 2
    assert lines[-1] in logs._clean
    assert with_value not in logs._clean
    assert len(logs._clean) <= CLEAN_KEPT


def test_what_has_no_value_stays_the_record_it_is() -> None:
    error = ValueError("nothing to see")
    plain = record("%(count)d of %(all)d", {"count": 1, "all": 2}, error=error)
    assert record_masked(plain).exc_info == (ValueError, error, None)
    assert plain.getMessage() == "1 of 2"
    assert text_for_logs("019ac3f2-1234-7456-8901-123456789012 took 1234567 ms") == (
        "019ac3f2-1234-7456-8901-123456789012 took 1234567 ms"
    )
    assert record_masked(record("%d", "no number")).msg == "%d"


def test_every_logger_of_a_process_is_masked() -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("somebody.elses")
    handler = Kept()
    logger.addHandler(handler)
    try:
        logger.error("sent to %s", "anna@example.org")
    finally:
        logger.removeHandler(handler)
    assert lines == ["sent to [e-mail]"]
