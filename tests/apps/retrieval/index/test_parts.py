from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, PartsBy
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.index import parts
from apps.retrieval.index.embeddings import embeddings_reuse, embeddings_write, ready_versions_lacking
from apps.retrieval.index.generations import (
    generation_delete,
    generation_ensure,
    generation_index_if_large,
    generations_index,
    parts_in,
)
from apps.retrieval.index.partitions import part_drop_empty, partition_drop
from apps.retrieval.index.parts import part_homes, parts_ensure, parts_purge
from apps.retrieval.models import Embedding, GenerationState, IndexGeneration, IndexPart, VectorStore
from ragsite.core.errors import LeaseLostError, TransientError
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.making import WIDTH, indexed, unit_vectors

pytestmark = pytest.mark.django_db

TYPES = ("pdf", "txt")


def by_type(number: int = 6, types: tuple[str, ...] = TYPES) -> tuple[IndexGeneration, list[Document]]:
    return indexed(make.knowledge_base(parts="type"), unit_vectors(number), types=types)


def vectors_of(generation: IndexGeneration) -> dict[str, int]:
    """How many each part has."""
    rows = IndexPart.objects.filter(generation=generation)
    return {part.key: Embedding.objects.filter(part_id=part.pk).count() for part in rows}


def is_there(part: IndexPart) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [part.partition])
        return bool(cursor.fetchone()[0])


def aged() -> None:
    IndexPart.objects.update(created_at=Now() - parts.SETTLED - timedelta(seconds=1))


def assert_at_home(generation: IndexGeneration) -> None:
    """Each chunk has one vector, in the part that is its version's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.chunk_id, p.key = retrieval_part_key(%s, e.version_id) "
            "FROM retrieval_embedding e JOIN retrieval_indexpart p ON p.id = e.generation_id WHERE p.generation_id = %s",
            [generation.parts, generation.pk],
        )
        rows = cursor.fetchall()
    assert sorted(chunk for chunk, _ in rows) == sorted(Chunk.objects.values_list("pk", flat=True))
    assert all(is_home for _, is_home in rows)


def test_documents_are_indexed_into_the_parts_of_their_types() -> None:
    base = make.knowledge_base(parts="type")
    make.upload(base, "The harbour has 42 berths.", filename="berths.txt")
    make.upload(base, "# Tides\n\nHigh water is at noon.", filename="tides.md")
    make.upload(base, "Low water is at six.", filename="low.txt")
    make.run_stages()
    generation = generation_ensure(base)
    assert (generation.parts, generation.has_index) == ("type", False)
    assert vectors_of(generation) == {"md": 1, "txt": 2}
    assert_at_home(generation)
    assert make.found(make.scope(base), "When is high water?")[0].endswith("High water is at noon.")


@pytest.mark.parametrize(
    ("by", "keys"), [("month", {"2025-12": 2, "2026-01": 1}), ("year", {"2025": 2, "2026": 1}), ("none", {})]
)
def test_a_document_is_of_the_month_and_year_in_which_it_was_added_in_utc(by: str, keys: dict[str, int]) -> None:
    moments = ("2025-12-01T00:00+00:00", "2026-01-01T04:59+05:00", "2025-12-31T23:00-05:00")
    added = [datetime.fromisoformat(one) for one in moments]
    generation, _ = indexed(make.knowledge_base(parts=by), unit_vectors(3), added=added)
    assert vectors_of(generation) == keys
    assert generation.embeddings.count() == 3


def test_a_new_version_of_another_type_goes_into_that_types_part() -> None:
    base = make.knowledge_base(parts="type")
    make.ready_version(base, "The harbour has 42 berths.", filename="a.txt", external_id="a")
    make.ready_version(base, "# Berths\n\nThe harbour has 43 berths.", filename="a.md", external_id="a")
    generation = generation_ensure(base)
    assert vectors_of(generation) == {"md": 1, "txt": 1}
    assert make.found(make.scope(base), "How many berths?") == ["Berths\n\nThe harbour has 43 berths."]


def test_a_vector_is_reused_in_the_part_of_the_chunk_that_gets_it() -> None:
    generation, (first, second) = by_type(2)
    chunk = Chunk.objects.get(version=second.current_version_id)
    Chunk.objects.filter(pk=chunk.pk).update(
        content_hash=Chunk.objects.get(version=first.current_version_id).content_hash
    )
    Embedding.objects.filter(chunk=chunk).delete()
    assert embeddings_reuse(generation, [chunk.pk]) == {chunk.pk}
    assert vectors_of(generation) == {"pdf": 1, "txt": 1}
    assert_at_home(generation)


def test_no_part_takes_what_belongs_into_another() -> None:
    generation, documents = by_type(2)
    wrong = IndexPart.objects.get(generation=generation, key="txt")
    chunk = Chunk.objects.get(version=documents[0].current_version_id)
    insertion = (
        "INSERT INTO retrieval_embedding (generation_id, chunk_id, embedding) "
        "SELECT %s, chunk_id, embedding FROM retrieval_embedding WHERE chunk_id = %s"
    )
    with (
        pytest.raises(IntegrityError, match="does not belong into part"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(insertion, [wrong.pk, chunk.pk])
    assert_at_home(generation)


def test_numbers_of_parts_and_generations_are_never_the_same() -> None:
    first, _ = by_type()
    second, _ = by_type()
    numbers = [*IndexPart.objects.values_list("pk", flat=True), *IndexGeneration.objects.values_list("pk", flat=True)]
    assert len(set(numbers)) == len(numbers) == 6
    assert {part.generation_id for part in IndexPart.objects.all()} == {first.pk, second.pk}


def test_what_a_divided_generation_lacks_is_found_over_all_of_its_parts() -> None:
    generation, documents = by_type(4)
    assert ready_versions_lacking(generation, limit=10) == []
    gone = documents[1].current_version_id
    Embedding.objects.filter(version_id=gone).delete()
    assert ready_versions_lacking(generation, limit=10) == [gone]


@pytest.mark.django_db(transaction=True)
def test_workers_that_need_one_part_at_the_same_moment_make_it_once() -> None:
    base = make.knowledge_base(parts="type")
    version = make.upload(base, "A note.", filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    generation = generation_ensure(base)
    make.in_parallel(3, lambda: parts_ensure(generation, [version.pk]))
    (part,) = IndexPart.objects.filter(generation=generation)
    assert (part.key, is_there(part)) == ("txt", True)
    make.run_stages()
    assert vectors_of(generation) == {"txt": 1}


def test_who_dies_while_a_part_is_made_leaves_nothing_and_the_next_one_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = make.knowledge_base(parts="type")
    make.upload(base, "A note.", filename="a.txt")
    make.run_stages(["parse", "chunk"])

    def dies(part: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(parts, "partition_create", dies)
        make.run_stages(["embed"])
    assert not IndexPart.objects.exists()
    DocumentVersion.objects.update(lease_until=Now() - timedelta(seconds=1))
    make.run_stages()
    assert vectors_of(generation_ensure(base)) == {"txt": 1}


def test_each_part_gets_its_index_once_it_is_large(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS, settings.RAGSITE_QUANTISED_MIN_ROWS = 4, 5
    generation, _ = by_type(12, ("pdf", "pdf", "pdf", "txt"))
    assert not generations_index(turns.long())
    assert {one.key: (one.has_hnsw, one.quantised) for one in IndexPart.objects.all()} == {
        "pdf": (True, True), "txt": (False, False),
    }  # fmt: skip
    generation.refresh_from_db()
    assert (generation.has_hnsw, generation.has_index) == (False, True)
    settings.RAGSITE_HNSW_MIN_ROWS = 3
    assert generation_index_if_large(generation)
    assert not generation_index_if_large(generation)
    assert {one.key: (one.has_hnsw, one.quantised) for one in IndexPart.objects.all()} == {
        "pdf": (True, True), "txt": (True, False),
    }  # fmt: skip


def test_vectors_go_with_their_chunks_from_every_part() -> None:
    generation, documents = by_type(6)
    Chunk.objects.filter(version=documents[0].current_version_id).delete()
    assert vectors_of(generation) == {"pdf": 2, "txt": 3}
    assert_at_home(generation)


def test_a_part_in_which_nothing_is_left_goes_and_comes_back_with_the_next_document() -> None:
    base = make.knowledge_base(parts="type")
    only = make.ready_version(base, "The harbour has 42 berths.", filename="a.txt").document
    make.ready_version(base, "# Tides\n\nHigh water is at noon.", filename="b.md")
    generation, part = generation_ensure(base), IndexPart.objects.get(key="txt")
    aged()
    assert not parts_purge(turns.long())
    assert set(vectors_of(generation)) == {"md", "txt"}, "both have vectors"
    document_delete(document=only, actor=ACTOR)
    Chunk.objects.filter(version__document=only).delete()
    assert not parts_purge(turns.long())
    assert (vectors_of(generation), is_there(part)) == ({"md": 1}, False)
    make.ready_version(base, "Low water is at six.", filename="c.txt")
    assert vectors_of(generation) == {"md": 1, "txt": 1}


def test_a_part_that_was_just_made_waits_for_its_vectors() -> None:
    base = make.knowledge_base(parts="type")
    version = make.upload(base, "A note.", filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    parts_ensure(generation_ensure(base), [version.pk])
    parts_purge(turns.long())
    assert IndexPart.objects.count() == 1
    aged()
    parts_purge(turns.long())
    assert IndexPart.objects.count() == 0
    make.run_stages()
    assert vectors_of(generation_ensure(base)) == {"txt": 1}


def test_who_writes_into_a_part_that_went_meanwhile_writes_nothing_and_comes_again() -> None:
    generation, documents = by_type(2)
    chunk = Chunk.objects.get(version=documents[0].current_version_id)
    Embedding.objects.filter(chunk=chunk).delete()
    assert part_drop_empty(IndexPart.objects.get(key="pdf"))
    with pytest.raises(TransientError, match="made again") as error:
        embeddings_write(generation, [chunk.pk], np.ones((1, WIDTH), np.float32))
    assert error.value.error_code == "part_gone"
    parts_ensure(generation, [chunk.version_id])
    embeddings_write(generation, [chunk.pk], np.ones((1, WIDTH), np.float32))
    assert_at_home(generation)


@pytest.mark.django_db(transaction=True)
def test_an_empty_part_stays_while_somebody_is_about_to_write_into_it() -> None:
    base = make.knowledge_base(parts="type")
    version = make.upload(base, "A note.", filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    generation = generation_ensure(base)
    parts_ensure(generation, [version.pk])
    part, chunk_ids = IndexPart.objects.get(), list(Chunk.objects.values_list("pk", flat=True))
    gone: list[bool] = []
    with ExitStack() as beside, transaction.atomic():
        assert part_homes(generation, chunk_ids) == {part: [0]}
        beside.enter_context(make.in_background(lambda: gone.append(part_drop_empty(part))))
        embeddings_write(generation, chunk_ids, unit_vectors(1))
    assert gone == [False]
    assert vectors_of(generation) == {"txt": 1}


def test_a_generation_is_dropped_with_all_of_its_parts() -> None:
    generation, _ = by_type()
    rows = list(IndexPart.objects.all())
    with pytest.raises(TransientError, match="got a part"):
        generation_delete(generation)
    partition_drop(generation)
    assert not IndexPart.objects.exists()
    assert not any(map(is_there, rows))
    generation_delete(generation)
    assert not IndexGeneration.objects.exists()


def test_a_deleted_knowledge_base_takes_its_parts_along() -> None:
    base = make.knowledge_base(parts="month")
    make.ready_version(base, "A note.", filename="a.txt")
    (part,) = IndexPart.objects.all()
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    assert not IndexGeneration.objects.exists()
    assert not is_there(part)


@pytest.mark.parametrize("ends", ["dropped", "deleted"])
def test_nobody_makes_a_part_of_a_generation_that_is_being_removed(ends: str) -> None:
    base = make.knowledge_base(parts="type")
    version = make.upload(base, "A note.", filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    generation = generation_ensure(base)
    if ends == "dropped":
        IndexGeneration.objects.update(state=GenerationState.DROPPED)
    else:
        KnowledgeBase.objects.update(deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(LeaseLostError, match="is being removed"):
        parts_ensure(generation, [version.pk])
    assert not IndexPart.objects.exists()


def test_what_another_store_searches_is_not_divided() -> None:
    assert parts_in(VectorStore.MILVUS, "month") is PartsBy.NONE
    assert parts_in(VectorStore.POSTGRESQL, "month") is PartsBy.MONTH
