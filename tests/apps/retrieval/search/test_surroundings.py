"""Neighbours and parent sections of passages, against what the parsed text and its sections say."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.retrieval.search.surroundings import neighbours_of, sections_of
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

RULES = """Said before any heading.

# Harbour

About the harbour as such.

## Berths

Guests lie at berths 1 to 42. A berth costs 31 euros a night.

### Winter

In winter half of it.

## Safety

Life jackets are worn on the pier.

# Office

Opens at 07:30.
"""
SMALL = {"size": 16, "overlap": 4}
PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base(chunking=SMALL)


@pytest.fixture
def rules(base: KnowledgeBase) -> DocumentVersion:
    return make.ready_version(base, RULES, filename="rules.md")


def chunk_with(version: DocumentVersion, text: str) -> Chunk:
    return version.chunks.filter(text__contains=text)[0]


def section_with(version: DocumentVersion, text: str, **options: Any) -> Any:
    chunk = chunk_with(version, text)
    return sections_of([chunk.pk], scope=make.scope(version.document.knowledge_base), **options)[chunk.pk]


@pytest.mark.parametrize("function", [neighbours_of, sections_of])
def test_nothing_is_read_without_a_scope(function: Any) -> None:
    assert inspect.signature(function).parameters["scope"].default is inspect.Parameter.empty


@pytest.mark.parametrize("reach", [0, 1, 3, 99])
def test_neighbours_are_the_chunks_before_and_after_with_exact_spans(
    base: KnowledgeBase, rules: DocumentVersion, reach: int
) -> None:
    chunks = list(rules.chunks.order_by("ordinal"))
    found = neighbours_of([chunk.pk for chunk in chunks], scope=make.scope(base), reach=reach)
    for place, chunk in enumerate(chunks):
        around = chunks[max(0, place - reach) : place] + chunks[place + 1 : place + 1 + reach]
        assert [one.chunk_id for one in found[chunk.pk]] == [one.pk for one in around]
        assert [one.distance for one in found[chunk.pk]] == [one.ordinal - chunk.ordinal for one in around]
        assert all(rules.parsed.text[one.start : one.end] == one.text for one in found[chunk.pk])


def test_neighbours_are_of_the_same_version_and_chunking(base: KnowledgeBase, rules: DocumentVersion) -> None:
    chunk = rules.chunks.get(ordinal=1)
    Chunk.objects.create(
        version=rules, chunking_key="another", ordinal=2, start=0, end=1, text="S", token_count=1, content_hash=b"x"
    )
    found = neighbours_of([chunk.pk], scope=make.scope(base), reach=1)[chunk.pk]
    assert [one.distance for one in found] == [-1, 1]
    assert {Chunk.objects.get(pk=one.chunk_id).chunking_key for one in found} == {chunk.chunking_key}


@pytest.mark.parametrize("hide", ["delete", "restrict", "scope"])
def test_what_may_not_be_read_has_no_surroundings(base: KnowledgeBase, rules: DocumentVersion, hide: str) -> None:
    chunk, scope = rules.chunks.get(ordinal=1), make.scope(base)
    assert neighbours_of([chunk.pk], scope=scope, reach=1)[chunk.pk]
    if hide == "delete":
        document_delete(document=rules.document, actor=ACTOR)
    elif hide == "restrict":
        Document.objects.update(restricted=True)
    else:
        scope = make.scope(make.knowledge_base())
    assert neighbours_of([chunk.pk], scope=scope, reach=1) == {chunk.pk: ()}
    assert sections_of([chunk.pk], scope=scope) == {}


@pytest.mark.parametrize(
    ("text", "path", "first", "last"),
    [
        ("Said before", (), "Said before", "any heading."),
        ("Guests lie", ("Harbour", "Berths"), "Berths\n", "half of it."),
        ("In winter", ("Harbour", "Berths", "Winter"), "Winter\n", "half of it."),
        ("Life jackets", ("Harbour", "Safety"), "Safety\n", "on the pier."),
        ("Opens", ("Office",), "Office\n", "07:30."),
    ],
)
def test_the_parent_section_is_the_deepest_heading_with_all_below_it(
    rules: DocumentVersion, text: str, path: tuple[str, ...], first: str, last: str
) -> None:
    section = section_with(rules, text)
    assert section.heading_path == path
    assert section.text.startswith(first)
    assert section.text.endswith(last)
    assert section.complete
    assert rules.parsed.text[section.start : section.end] == section.text


def test_a_text_without_headings_is_one_section() -> None:
    text = "One line of it.\n\nAnother line of it.\n\nA third one."
    section = section_with(make.ready_version(None, text, filename="note.txt"), "third")
    assert (section.heading_path, section.text, section.complete) == ((), text, True)


def test_two_sections_of_the_same_name_are_distinguished(base: KnowledgeBase) -> None:
    text = "# Notes\n\nFirst notes, quite short.\n\n# Other\n\nBetween them.\n\n# Notes\n\nSecond notes, short too.\n"
    version = make.ready_version(base, text, filename="notes.md")
    assert section_with(version, "Second").text == "Notes\n\nSecond notes, short too."


def test_a_long_section_is_shown_in_part_between_words_with_the_passage_in_its_middle(base: KnowledgeBase) -> None:
    body = " ".join(f"Sentence number {number} stands here." for number in range(300))
    version = make.ready_version(base, f"# Long\n\n{body}\n", filename="long.md")
    section = section_with(version, "number 150 ", most_characters=1000)
    assert not section.complete
    assert 900 < len(section.text) <= 1000
    assert version.parsed.text[section.start : section.end] == section.text
    assert version.parsed.text[section.start - 1].isspace()
    assert version.parsed.text[section.end].isspace()
    middle = section.text.index("number 150 ") / len(section.text)
    assert 0.35 < middle < 0.65


@given(data=st.data())
@PROPERTY
def test_a_part_holds_its_passage_and_no_more_than_it_may(rules: DocumentVersion, data: st.DataObject) -> None:
    chunk = data.draw(st.sampled_from(list(rules.chunks.all())))
    most = data.draw(st.integers(1, 400))
    scope = make.scope(rules.document.knowledge_base)
    section = sections_of([chunk.pk], scope=scope, most_characters=most)[chunk.pk]
    whole = sections_of([chunk.pk], scope=scope)[chunk.pk]
    assert section.start <= chunk.start < chunk.end <= section.end
    assert whole.start <= section.start <= section.end <= whole.end
    assert rules.parsed.text[section.start : section.end] == section.text
    assert len(section.text) <= max(most, len(chunk.text))
    assert section.complete == (section.text == whole.text)


def test_many_passages_take_one_statement(base: KnowledgeBase, rules: DocumentVersion) -> None:
    ids, scope = list(rules.chunks.values_list("pk", flat=True)), make.scope(base)
    for call in (lambda: neighbours_of(ids, scope=scope, reach=2), lambda: sections_of(ids, scope=scope)):
        with CaptureQueriesContext(connection) as seen:
            assert len(call()) == len(ids)
        assert sum("documents_chunk" in one["sql"] for one in seen.captured_queries) == 1
