"""Filters as SQL against an oracle in plain Python, their indexes, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.models import Document, DocumentVersion, ParsedText
from apps.documents.parsing.types import DocumentType
from apps.documents.rights.access import reading_as
from apps.retrieval.search.filters import (
    InvalidFilterError,
    MetadataFilter,
    Operator,
    Period,
    SearchFilters,
    filters_condition,
    scope_condition,
)
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.search.filter_oracle import TAGS, Known, meets, metadata, search_filters

pytestmark = pytest.mark.django_db
PROPERTY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_FOUND = """
    SELECT d.id FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id WHERE {condition}
"""


def found(documents: list[Document], filters: SearchFilters) -> set[UUID]:
    """What a search may find under the scope of all documents and the filters, read as a request reads."""
    scope = make.scope(documents[0].knowledge_base)
    condition = scope_condition(scope) & filters_condition(filters)
    with reading_as(scope), connection.cursor() as cursor:
        cursor.execute(_FOUND.format(condition=condition.sql), condition.parameters)
        return {row[0] for row in cursor.fetchall()}


def by_metadata(documents: list[Document], *key: str, op: str, value: Any) -> set[UUID]:
    return found(documents, SearchFilters(metadata=(MetadataFilter(key, Operator(op), value),)))


@pytest.fixture
def documents() -> list[Document]:
    """Documents that differ in type, language, version, age and external id."""
    _, made = indexed(make.knowledge_base(), unit_vectors(9))
    kinds = cycle([("txt", "de", 1), ("pdf", "en", 2), ("code", "", 3), ("txt", "ja", 1)])
    for number, (document, (kind, language, version)) in enumerate(zip(made, kinds, strict=False)):
        current = document.current_version_id
        DocumentVersion.objects.filter(pk=current).update(document_type=kind, number=version)
        ParsedText.objects.create(version_id=current, text="", parser="test", language=language)
        Document.objects.filter(pk=document.pk).update(current_version=None)
        Document.objects.filter(pk=document.pk).update(
            current_version=current, external_id=f"x{number}", created_at=datetime(2024, 1, number + 1, tzinfo=UTC)
        )
        document.refresh_from_db()
    return made


def known(document: Document) -> Known:
    version = document.current_version
    assert version is not None
    return Known(
        document.pk, document.external_id, version.pk, version.number, version.document_type, version.parsed.language,
        frozenset(document.tags), document.created_at, document.metadata,
    )  # fmt: skip


@given(data=st.data())
@PROPERTY
def test_random_filters_find_exactly_what_they_mean(documents: list[Document], data: st.DataObject) -> None:
    with transaction.atomic():
        for document in documents:
            document.metadata = data.draw(metadata)
            document.tags = sorted(data.draw(st.frozensets(st.sampled_from(TAGS), max_size=3)))
        Document.objects.bulk_update(documents, ["metadata", "tags"])
        told = [known(document) for document in documents]
        for filters in data.draw(st.lists(search_filters(told), min_size=5, max_size=5)):
            assert found(documents, filters) == {one.id for one in told if meets(one, filters)}, filters
        transaction.set_rollback(True)


def test_without_filters_everything_is_found_and_nothing_is_narrowed(documents: list[Document]) -> None:
    assert found(documents, SearchFilters()) == {document.pk for document in documents}
    assert not SearchFilters()
    assert not filters_condition(SearchFilters()).narrows
    assert filters_condition(SearchFilters(languages=frozenset({"de"}))).narrows
    assert SearchFilters(languages=frozenset({"de"}))


def test_a_key_with_a_dot_is_distinguished_from_a_path(documents: list[Document]) -> None:
    first, second = documents[:2]
    Document.objects.filter(pk=first.pk).update(metadata={"a.b": 1})
    Document.objects.filter(pk=second.pk).update(metadata={"a": {"b": 1}})
    assert by_metadata(documents, "a.b", op="eq", value=1) == {first.pk}
    assert by_metadata(documents, "a", "b", op="eq", value=1) == {second.pk}


def test_a_value_is_no_part_of_the_statement(documents: list[Document]) -> None:
    Document.objects.filter(pk=documents[0].pk).update(metadata={"k": '" || true'})
    assert by_metadata(documents, "k", op="eq", value='" || true') == {documents[0].pk}
    assert by_metadata(documents, 'k" || "', op="exists", value=True) == set()
    assert by_metadata(documents, "k", op="eq", value="'; DROP TABLE documents_chunk; --") == set()


COMPARED = [
    ({"year": "2023"}, "year", "eq", 2023, True),
    ({"year": 2023}, "year", "eq", "2023", True),
    ({"year": "2023"}, "year", "gte", 2020, True),
    ({"year": ["x", "2023"]}, "year", "lt", 2020, False),
    ({"year": 2023}, "year", "lte", "2022", False),
    ({"year": "2023"}, "year", "ne", 2023, False),
    ({"year": 2023}, "year", "in", ("2022", "2023"), True),
    ({"code": "007"}, "code", "eq", 7, False),
    ({"is": True}, "is", "eq", "true", False),
    ({"name": "Ku\u0308che"}, "name", "eq", "K\u00fcche", True),
    ({"name": "K\u00fcche"}, "name", "eq", "Ku\u0308che", True),
    ({"gro\u0308\u00dfe": 4}, "gr\u00f6\u00dfe", "eq", 4, True),
    ({"gr\u00f6\u00dfe": "2024-01-02"}, "gro\u0308\u00dfe", "gte", date(2024, 1, 2), True),
    ({"gro\u0308\u00dfe": 4}, "gr\u00f6\u00dfe", "exists", True, True),
]


@pytest.mark.parametrize(("metadata", "key", "op", "value", "meets"), COMPARED)
def test_a_number_meets_its_text_and_a_text_its_other_spelling_also_in_what_was_kept_before(
    documents: list[Document], metadata: dict[str, Any], key: str, op: str, value: Any, meets: bool
) -> None:
    Document.objects.filter(pk=documents[0].pk).update(metadata=metadata)
    assert (documents[0].pk in by_metadata(documents, key, op=op, value=value)) is meets


def test_external_ids_are_found_in_both_spellings(documents: list[Document]) -> None:
    Document.objects.filter(pk=documents[0].pk).update(external_id="Ra\u0308ume.md")
    Document.objects.filter(pk=documents[1].pk).update(external_id="S\u00e4le.md")
    asked = SearchFilters(external_ids=frozenset({"R\u00e4ume.md", "Sa\u0308le.md"}))
    assert found(documents, asked) == {one.pk for one in documents[:2]}


def test_dates_are_compared_as_moments_and_a_day_is_whole(documents: list[Document]) -> None:
    dates = ["2024-05-01", "2024-05-01T21:00:00Z", "2024-05-02T01:00:00+03:00", 20240501]
    for document, when in zip(documents, dates, strict=False):
        Document.objects.filter(pk=document.pk).update(metadata={"on": when})
    ids = [document.pk for document in documents]
    assert by_metadata(documents, "on", op="lte", value=date(2024, 5, 1)) == set(ids[:3])
    assert by_metadata(documents, "on", op="gt", value=date(2024, 5, 1)) == set()
    evening = datetime(2024, 5, 1, 21, tzinfo=UTC)
    assert by_metadata(documents, "on", op="gt", value=evening) == {ids[2]}


def test_filters_of_type_and_language_follow_the_version_that_answers(documents: list[Document]) -> None:
    document = documents[0]
    (german,) = {document.pk} & found(documents, SearchFilters(languages=frozenset({"de"})))
    old = document.current_version
    assert old is not None
    new = DocumentVersion.objects.create(
        document=document, number=9, filename="b.pdf", document_type="pdf", content_hash="", blob="b", size=1
    )
    ParsedText.objects.create(version=new, text="", parser="test", language="en", title="The harbour")
    Document.objects.filter(pk=german).update(current_version=new)
    document.refresh_from_db()
    assert (document.document_type, document.language, document.told) == ("pdf", "en", "The harbour")
    Document.objects.filter(pk=german).update(current_version=old)
    assert german in found(documents, SearchFilters(document_types=frozenset({DocumentType.TEXT})))


def test_updated_is_when_what_it_says_or_what_is_said_of_it_changed(documents: list[Document]) -> None:
    first, second = documents[:2]
    before = Document.objects.get(pk=first.pk).updated_at
    Document.objects.filter(pk=first.pk).update(restricted=False, updated_at=before - timedelta(days=9))
    assert Document.objects.get(pk=first.pk).updated_at == before
    Document.objects.filter(pk=first.pk).update(tags=["new"])
    after = Document.objects.get(pk=first.pk).updated_at
    assert after > before
    assert first.pk in found(documents, SearchFilters(updated=Period(after, after + timedelta(microseconds=1))))
    assert second.pk not in found(documents, SearchFilters(updated=Period(start=after)))


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (SearchFilters(metadata=(MetadataFilter(("a", "b"), Operator.IN, ("x", 1)),)), "document_metadata"),
        (SearchFilters(tags_all=frozenset({"draft"})), "document_tags"),
        (SearchFilters(tags_any=frozenset({"draft", "new"})), "document_tags"),
    ],
)
def test_there_is_an_index_for_what_is_asked_most(filters: SearchFilters, index: str) -> None:
    condition = filters_condition(filters)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        cursor.execute(f"EXPLAIN SELECT FROM documents_document d WHERE {condition.sql}", condition.parameters)
        assert index in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("path", "operator", "value", "why"),
    [
        ((), Operator.EQ, 1, "its key must be"),
        (("a",) * 33, Operator.EQ, 1, "its key must be"),
        (("a\x00",), Operator.EQ, 1, "its key must be"),
        (("a",), Operator.EQ, float("nan"), "too large"),
        (("a",), Operator.EQ, 10**200, "too large"),
        (("a",), Operator.EQ, "half \ud800", "half a character"),
        (("a",), Operator.EQ, ("x",), "it needs a text, a number, true, false or null"),
        (("a",), Operator.IN, (), "a list of 1 to 1000"),
        (("a",), Operator.IN, "x", "a list of 1 to 1000"),
        (("a",), Operator.IN, ("x", {}), "it needs a text"),
        (("a",), Operator.GTE, None, "needs a number, a text or a date"),
        (("a",), Operator.LT, True, "needs a number, a text or a date"),
        (("a",), Operator.LTE, date.max, "too late"),
        (("a",), Operator.EXISTS, "yes", "true or false"),
    ],
)
def test_what_means_nothing_is_refused_with_key_and_value(
    path: tuple[str, ...], operator: Operator, value: Any, why: str
) -> None:
    with pytest.raises(InvalidFilterError, match=why) as refused:
        MetadataFilter(path, operator, value)
    assert repr(".".join(path)[:80]) in str(refused.value)
    assert repr(str(value)[:80]) in str(refused.value)
