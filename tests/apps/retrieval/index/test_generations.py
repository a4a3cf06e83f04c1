from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.functions import Now

from apps.documents.chunking.settings import EDITION, ChunkingSettings
from apps.documents.models import KnowledgeBase
from apps.models.models import ModelVersion
from apps.retrieval.index.generations import (
    generation_ensure,
    generation_index_if_large,
    generation_live,
    generations_index,
    generations_of_deleted_purge,
)
from apps.retrieval.models import GenerationState, IndexGeneration
from ragsite.core.errors import ModelNotFoundError
from tests import factories as make
from tests import turns
from tests.apps.retrieval.making import WIDTH, indexed, unit_vectors

pytestmark = pytest.mark.django_db


def partitions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'retrieval_embedding'::regclass")
        return int(cursor.fetchone()[0])


def test_a_generation_is_made_once_from_the_default_model_and_the_knowledge_bases_chunking() -> None:
    chunking = {"strategy": "sentence", "size": 64, "overlap": 8}
    base = make.knowledge_base(chunking=chunking)
    assert generation_live(base) is None
    before = partitions()
    generation = generation_ensure(base)
    assert generation_ensure(base) == generation == generation_live(base)
    assert partitions() == before + 1
    assert (generation.state, generation.dimensions, generation.has_hnsw) == ("live", WIDTH, False)
    assert generation.model_version == ModelVersion.objects.get()
    assert (generation.chunking, generation.chunking_key) == (
        chunking | {"context": "headings", "edition": EDITION},
        ChunkingSettings(size=64, overlap=8).key,
    )


def test_without_a_model_there_is_no_generation_and_no_partition() -> None:
    base = make.knowledge_base()
    ModelVersion.objects.all().delete()
    before = partitions()
    with pytest.raises(ModelNotFoundError, match="No embedding model is registered"):
        generation_ensure(base)
    assert (IndexGeneration.objects.count(), partitions()) == (0, before)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_live_generation_with_one_partition() -> None:
    base = make.knowledge_base()
    before = partitions()
    made = make.in_parallel(8, lambda: generation_ensure(base).pk)
    assert set(made) == {IndexGeneration.objects.get(state=GenerationState.LIVE).pk}
    assert partitions() == before + 1


def test_the_database_itself_refuses_a_second_live_generation() -> None:
    generation = generation_ensure(make.knowledge_base())
    generation.pk = None
    with pytest.raises(IntegrityError, match="one_live_generation"), transaction.atomic():
        generation.save()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE {partition}",
        "ALTER TABLE {partition} ADD COLUMN extra int",
        "ALTER TABLE retrieval_embedding DETACH PARTITION {partition}",
        "CREATE INDEX ON {partition} (chunk_id)",
        "CREATE TABLE intruder (id int)",
        "CREATE TABLE other PARTITION OF retrieval_embedding FOR VALUES IN (0)",
        "ALTER TABLE retrieval_embedding OWNER TO CURRENT_USER",
        "ALTER FUNCTION retrieval_partition_drop(bigint) SECURITY INVOKER",
        "CREATE OR REPLACE FUNCTION retrieval_partition_drop(bigint) RETURNS void LANGUAGE sql AS 'SELECT'",
        "SET ROLE postgres",
    ],
)
def test_the_application_cannot_change_tables_by_itself(statement: str) -> None:
    generation = generation_ensure(make.knowledge_base())
    refused = r"must be owner|permission denied|must be able to|does not exist"
    with pytest.raises(DatabaseError, match=refused), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(partition=generation.partition))


def test_the_owners_functions_work_for_the_application() -> None:
    generation = generation_ensure(make.knowledge_base())
    before = partitions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT retrieval_partition_index(%s, %s)", [generation.pk, WIDTH])
        cursor.execute("SELECT retrieval_partition_drop(%s)", [generation.pk])
    assert partitions() == before - 1


@pytest.mark.parametrize("argument", ["'1; DROP TABLE documents_chunk'", "'x'", "NULL", "-1"])
def test_the_owners_functions_take_numbers_only(argument: str) -> None:
    before = partitions()
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(f"SELECT retrieval_partition_drop({argument})")
        except DatabaseError as error:
            assert "invalid input syntax" in str(error)  # noqa: PT017
    assert partitions() == before


def test_an_index_is_built_only_from_the_size_where_it_pays_and_only_once(settings: Any) -> None:
    generation, _ = indexed(make.knowledge_base(), unit_vectors(9))
    settings.RAGSITE_HNSW_MIN_ROWS = 10
    assert not generation_index_if_large(generation)
    settings.RAGSITE_HNSW_MIN_ROWS = 9
    assert generation_index_if_large(generation)
    generation.refresh_from_db()
    assert generation.has_hnsw
    assert not generation_index_if_large(generation)
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [f"{generation.partition}_hnsw"])
        (definition,) = cursor.fetchone()
    assert f"hnsw (((embedding)::halfvec({WIDTH})) halfvec_cosine_ops)" in definition


@pytest.mark.parametrize(("least", "quantised"), [(0, False), (10, False), (9, True), (1, True)])
def test_an_index_is_of_single_bits_from_the_size_that_asks_for_it(settings: Any, least: int, quantised: bool) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS, settings.RAGSITE_QUANTISED_MIN_ROWS = 9, least
    generation, _ = indexed(make.knowledge_base(), unit_vectors(9))
    assert generation_index_if_large(generation)
    generation.refresh_from_db()
    assert (generation.has_hnsw, generation.quantised) == (True, quantised)
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname LIKE %s", [f"{generation.partition}_%"])
        definitions = " ".join(definition for (definition,) in cursor.fetchall())
    bits = f"hnsw (((binary_quantize((embedding)::halfvec({WIDTH})))::bit({WIDTH})) bit_hamming_ops)"
    assert (bits in definitions, "halfvec_cosine_ops" in definitions) == (quantised, not quantised)


def test_a_small_index_is_built_in_little_memory_however_much_it_may_take(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS, settings.RAGSITE_INDEX_MEMORY_MB = 1, 65_536
    generation, _ = indexed(make.knowledge_base(), unit_vectors(2))
    with transaction.atomic():
        assert generation_index_if_large(generation)
        with connection.cursor() as cursor:
            cursor.execute("SHOW maintenance_work_mem")
            assert cursor.fetchone() == ("64MB",)


@pytest.mark.django_db(transaction=True)
def test_two_that_build_an_index_at_once_build_it_once(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 0
    generation, _ = indexed(make.knowledge_base(), unit_vectors(300))
    assert sorted(make.in_parallel(3, lambda: generation_index_if_large(generation))) == [False, False, True]


def test_the_indexes_of_all_large_generations_are_built_one_in_a_turn_that_is_short(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 9
    large = [indexed(make.knowledge_base(), unit_vectors(9))[0] for _ in range(2)]
    small, _ = indexed(make.knowledge_base(), unit_vectors(8))
    assert generations_index(turns.short(1))
    assert IndexGeneration.objects.filter(has_hnsw=True).count() == 1
    assert not generations_index(turns.long())
    assert set(IndexGeneration.objects.filter(has_hnsw=True)) == set(large)
    assert not IndexGeneration.objects.get(pk=small.pk).has_hnsw


def test_a_generation_that_a_worker_made_in_a_deleted_knowledge_base_is_dropped() -> None:
    generation, kept = generation_ensure(make.knowledge_base()), generation_ensure(make.knowledge_base())
    KnowledgeBase.objects.filter(pk=generation.knowledge_base_id).update(deleted_at=Now())
    before = partitions()
    assert not generations_of_deleted_purge(turns.long())
    assert (list(IndexGeneration.objects.all()), partitions()) == ([kept], before - 1)
