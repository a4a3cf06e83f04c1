"""What errors say is kept in English, and shown in the language of who reads it."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.documents.parsing.errors import EncryptedFileError
from apps.retrieval.search.degradation import UNRERANKED
from ragsite.core.numbers import number_shown
from ragsite.core.sentences import said

WEG = "Das Dokument 12 gibt es nicht; es wurde gerade eben gelöscht."
GONE = "There is no document 12; it was deleted a moment ago."


@pytest.mark.parametrize(
    ("english", "german"),
    [
        (GONE, WEG),
        ("Choose another name.", "Wählen Sie einen anderen Namen."),
        (f"{GONE} Choose another name.", f"{WEG} Wählen Sie einen anderen Namen."),
        (f"{GONE} Nobody knows this one.", f"{WEG} Nobody knows this one."),
        ("Nobody knows this one.", "Nobody knows this one."),
        ("", ""),
    ],
)  # fmt: skip
def test_each_sentence_is_told_in_the_language_that_is_spoken(english: str, german: str) -> None:
    with translation.override("de"):
        assert said(english) == german
    assert said(english) == english


def test_values_are_told_as_they_are() -> None:
    with translation.override("de"):
        told = said("The file 100% (new).pdf is empty: it has 0 bytes.")
    assert told == "Die Datei 100% (new).pdf ist leer: Sie hat 0 Byte."


@pytest.mark.parametrize(
    ("language", "number", "digits", "shown"),
    [("en", 1234567, 0, "1,234,567"), ("de", 1234567, 0, "1.234.567"), ("de", 0.8976, 3, "0,898"), ("en", 999, 1, "999.0")],
)  # fmt: skip
def test_a_number_is_written_as_it_is_read(language: str, number: float, digits: int, shown: str) -> None:
    with translation.override(language):
        assert number_shown(number, digits) == shown


def test_numbers_and_notes_of_what_was_done_instead_are_told_in_the_language_too() -> None:
    note = f"{UNRERANKED} The PDF has no page 1,200: it has 1,199."
    with translation.override("de"):
        told = said(note)
    assert told.startswith("Die Textstellen ließen sich nicht neu ordnen")
    assert told.endswith("Das PDF hat keine Seite 1.200: Es hat 1.199.")


def test_what_an_error_advises_is_told_too() -> None:
    with translation.override("de"):
        assert "ohne Passwort" in said(EncryptedFileError("The document is protected with a password.").sentence)
