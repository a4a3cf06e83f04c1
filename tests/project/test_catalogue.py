"""Every word that people read has a translation, and what Django loads is what the catalogue says."""

from __future__ import annotations

import pytest
from babel.messages import Catalog

from ragsite.core.sentences import PATTERNS
from tests.project import catalogue

HOW = "`make messages` brings the catalogue up to date and lists what is left to translate."


@pytest.fixture(scope="module", params=catalogue.languages())
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def kept(language: str) -> Catalog:
    return catalogue.read(language)


def test_the_catalogue_has_the_words_that_the_code_has(language: str) -> None:
    assert catalogue.path_of(language).read_bytes() == catalogue.written(catalogue.updated(language)), HOW


def test_the_sentences_that_are_raised_are_those_the_application_knows() -> None:
    assert PATTERNS.read_text() == catalogue.patterns(), HOW


def test_every_word_is_translated(kept: Catalog) -> None:
    assert catalogue.untranslated(kept) == [], HOW


def test_a_translation_has_the_placeholders_of_its_text(kept: Catalog) -> None:
    assert catalogue.unlike(kept) == []


def test_what_is_loaded_is_what_is_kept(language: str, kept: Catalog) -> None:
    assert catalogue.path_of(language).with_suffix(".mo").read_bytes() == catalogue.compiled(kept), HOW


@pytest.mark.parametrize(
    ("text", "translation", "fits"),
    [
        ("%(name)s may read.", "%(name)s darf lesen.", True),
        ("%(name)s may read.", "%(nam)s darf lesen.", False),
        ("%(name)s may read.", "Er darf lesen.", False),
        (("%(count)s file", "%(count)s files"), ("Eine Datei", "%(count)s Dateien"), True),
        (("%(count)s file", "%(count)s files"), ("%(count)s Datei", "Dateien"), False),
        (("One of %(of)s", "%(count)s of %(of)s"), ("Eine", "%(count)s von %(of)s"), False),
    ],
)
def test_placeholders_are_held_against_the_text(text: object, translation: object, fits: bool) -> None:
    catalog = Catalog(locale="de")
    catalog.add(text, translation)
    assert (catalogue.unlike(catalog) == []) is fits
