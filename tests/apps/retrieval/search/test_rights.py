"""Random rights against an oracle in plain Python: nothing is leaked, and nothing is wrongly hidden."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.models import Chunk
from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import (
    AccessScope,
    access_scope,
    documents_visible,
    knowledge_bases_visible,
    reading_as,
    versions_visible,
)
from apps.retrieval import pipeline
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.models import IndexGeneration, LexicalSegment
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.dense import dense_search, generations_in_scope
from apps.retrieval.search.filters import Condition, scope_condition
from apps.retrieval.search.lexical import lexical_search
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import NotFoundError
from tests import factories as make
from tests.apps.retrieval.making import unit_vectors
from tests.apps.retrieval.rights_worlds import (
    BASES,
    CALLERS,
    DOCUMENTS,
    WORLDS,
    Stage,
    World,
    base_of,
    stage,
    tenant_of_base,
)
from tests.apps.retrieval.texts import index_of

pytestmark = pytest.mark.django_db

VECTOR = unit_vectors(1)[0]
PROPERTY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def rows() -> Stage:
    return stage()


def found(scope: AccessScope, generations: list[IndexGeneration], *, condition: Condition | None = None) -> set[UUID]:
    """The documents that a search for anything at all finds, by vectors and by words alike."""
    allowed = condition or scope_condition(scope)
    dense = by_vectors(scope, generations, allowed)
    assert by_words(scope, generations, allowed) == dense
    return dense


def by_vectors(scope: AccessScope, generations: list[IndexGeneration], condition: Condition) -> set[UUID]:
    hits = dense_search(condition, scope=scope, generations=generations, vector=VECTOR, limit=50).hits
    return documents_of(hit.chunk_id for hit in hits)


def by_words(scope: AccessScope, generations: list[IndexGeneration], condition: Condition) -> set[UUID]:
    found = lexical_search(condition, scope=scope, generations=generations, text="document", limit=50)
    return documents_of(hit.chunk_id for hit in found.hits)


def documents_of(chunk_ids: Iterable[int]) -> set[UUID]:
    return set(Chunk.objects.filter(pk__in=list(chunk_ids)).values_list("version__document_id", flat=True))


def ids(statement: str) -> set[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return {row[0] for row in cursor.fetchall()}


def everything(scope: AccessScope) -> Condition:
    """The first wall switched off."""
    return Condition("TRUE", {})


@given(world=WORLDS)
@PROPERTY
def test_searches_and_listings_show_exactly_what_the_rule_allows(rows: Stage, world: World) -> None:
    with rows.set_up(world):
        for caller in CALLERS:
            principal, readable = rows.principal(caller), world.readable(caller)
            scope = access_scope(principal, knowledge_base_ids=None)
            assert rows.numbers(found(scope, generations_in_scope(scope))) == readable
            assert rows.numbers(documents_visible(principal).values_list("pk", flat=True)) == readable
            assert rows.numbers(versions_visible(principal).values_list("document_id", flat=True)) == readable
            bases = {base.pk for number, base in enumerate(rows.bases) if world.reads_base(caller, number)}
            assert set(knowledge_bases_visible(principal).values_list("pk", flat=True)) == bases


@given(world=WORLDS, named=st.frozensets(st.integers(0, BASES - 1)))
@PROPERTY
def test_naming_knowledge_bases_narrows_and_never_widens(rows: Stage, world: World, named: frozenset[int]) -> None:
    with rows.set_up(world):
        for caller in CALLERS:
            wanted = [rows.bases[number].pk for number in named]
            if not all(world.nameable(caller, number) for number in named):
                with pytest.raises(NotFoundError):
                    access_scope(rows.principal(caller), knowledge_base_ids=wanted)
                continue
            scope = access_scope(rows.principal(caller), knowledge_base_ids=wanted)
            expected = {document for document in world.readable(caller) if base_of(document) in named}
            assert rows.numbers(found(scope, generations_in_scope(scope))) == expected


@given(world=WORLDS)
@PROPERTY
def test_with_the_first_wall_switched_off_the_second_shows_the_same(rows: Stage, world: World) -> None:
    generations = list(IndexGeneration.objects.all())
    with rows.set_up(world):
        for caller in CALLERS:
            scope, readable = access_scope(rows.principal(caller), knowledge_base_ids=None), world.readable(caller)
            assert rows.numbers(found(scope, generations, condition=everything(scope))) == readable
            with reading_as(scope):
                assert rows.numbers(ids("SELECT id FROM documents_document")) == readable
                assert rows.numbers(ids("SELECT document_id FROM documents_documentversion")) == readable
                texts = {rows.documents[number].current_version_id for number in readable}
                assert ids("SELECT version_id FROM documents_chunk") == texts
                assert ids("SELECT version_id FROM documents_parsedtext") == texts


@given(world=WORLDS, mode=st.sampled_from(Mode), walls=st.integers(1, 2))
@PROPERTY
def test_every_mode_of_the_whole_search_shows_exactly_what_the_rule_allows(
    rows: Stage, world: World, mode: Mode, walls: int
) -> None:
    wanted = SearchRequest("document", top_k=50, mode=mode)
    first_wall = everything if walls == 1 else scope_condition
    with rows.set_up(world), patch.object(pipeline, "scope_condition", first_wall):
        for caller in CALLERS:
            scope = access_scope(rows.principal(caller), knowledge_base_ids=None)
            passages = retrieve(wanted, scope=scope, deadline=make.soon()).passages
            assert rows.numbers({passage.document_id for passage in passages}) == world.readable(caller)


@given(world=WORLDS)
@PROPERTY
def test_the_second_wall_takes_nothing_of_the_scope_but_who_reads(rows: Stage, world: World) -> None:
    """A scope that a mistake made too wide: every knowledge base there is."""
    with rows.set_up(world):
        for caller in CALLERS:
            scope = access_scope(rows.principal(caller), knowledge_base_ids=None)
            wide = AccessScope(
                tenant_id=scope.tenant_id,
                knowledge_base_ids=frozenset(base.pk for base in rows.bases),
                subjects=scope.subjects,
            )
            generations = list(IndexGeneration.objects.all())
            assert rows.numbers(found(wide, generations)) == world.readable(caller)


def with_postings(indexes: list[LexicalIndex]) -> set[int]:
    """The segments of the indexes that give postings."""
    found = set()
    for index in indexes:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT segment_id FROM ragsite_lexical_postings(%s, %s, '{document}')",
                [index.knowledge_base_id, index.chunking_key],
            )
            found |= {segment for (segment,) in cursor.fetchall()}
    return found


def test_vectors_and_words_are_seen_by_tenant(rows: Stage) -> None:
    indexes = [index_of(base) for base in rows.bases]
    for caller in CALLERS:
        scope = access_scope(rows.principal(caller), knowledge_base_ids=None)
        with reading_as(scope):
            seen = ids("SELECT generation_id FROM retrieval_embedding")
            segments = ids("SELECT id FROM retrieval_lexicalsegment")
            assert with_postings(indexes) == segments
        ours = [base.pk for number, base in enumerate(rows.bases) if tenant_of_base(number) == caller.tenant]
        assert seen == set(IndexGeneration.objects.filter(knowledge_base__in=ours).values_list("pk", flat=True))
        assert segments == set(LexicalSegment.objects.filter(knowledge_base_id__in=ours).values_list("pk", flat=True))


@given(world=WORLDS)
@PROPERTY
def test_who_measures_finds_what_each_reader_of_the_knowledge_base_reads(rows: Stage, world: World) -> None:
    with rows.set_up(world):
        for number, base in enumerate(rows.bases):
            scope = AccessScope(base.tenant_id, frozenset({base.pk}), for_all_readers=True)
            hidden = world.restricted | world.deleted
            expected = {document for document in range(DOCUMENTS) if base_of(document) == number} - hidden
            expected = set() if number in world.deleted_bases else expected
            generations = list(IndexGeneration.objects.all())
            assert rows.numbers(found(scope, generations)) == expected
            assert rows.numbers(found(scope, generations, condition=everything(scope))) == expected


def test_a_connection_that_alternates_between_tenants_shows_each_its_own(rows: Stage) -> None:
    """As a pool does: 100 times on one connection, each followed by a look with no tenant at all."""
    callers = [CALLERS[0], CALLERS[2]]
    scopes = [access_scope(rows.principal(caller), knowledge_base_ids=None) for caller in callers]
    whole = World(*[frozenset()] * 6)
    for turn in range(100):
        caller, scope = callers[turn % 2], scopes[turn % 2]
        assert rows.numbers(found(scope, list(IndexGeneration.objects.all()))) == whole.readable(caller)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, coalesce(current_setting('ragsite.tenant', true), '')")
            assert cursor.fetchone() == ("ragsite_app", "")
