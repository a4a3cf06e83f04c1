"""Migration 0009: a vector never outlives its chunk."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from apps.documents.models import Chunk, Document, DocumentVersion
from apps.retrieval.models import Embedding
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


def write_again(chunk: Chunk) -> None:
    """The chunk's vector, removed before, is written again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO retrieval_embedding (generation_id, chunk_id, embedding) "
            "SELECT generation_id, %s, embedding FROM retrieval_embedding WHERE chunk_id <> %s LIMIT 1",
            [chunk.pk, chunk.pk],
        )


def taken_away(chunk: Chunk) -> Chunk:
    Embedding.objects.filter(chunk=chunk).delete()
    return chunk


def test_vectors_go_with_their_chunks_and_no_others() -> None:
    for _ in range(2):
        indexed(make.knowledge_base(), unit_vectors(4))
    doomed = list(Chunk.objects.order_by("pk")[1:6])
    Chunk.objects.filter(pk__in=[chunk.pk for chunk in doomed]).delete()
    assert set(Embedding.objects.values_list("chunk", flat=True)) == set(Chunk.objects.values_list("pk", flat=True))
    assert Embedding.objects.count() == 3


def test_they_go_also_where_the_chunks_version_went_first() -> None:
    indexed(make.knowledge_base(), unit_vectors(3))
    Document.objects.update(current_version=None)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM documents_documentversion")
        cursor.execute("DELETE FROM documents_chunk")
    assert (DocumentVersion.objects.count(), Embedding.objects.count()) == (0, 0)


def test_for_a_chunk_that_is_gone_no_vector_is_written() -> None:
    indexed(make.knowledge_base(), unit_vectors(2))
    chunk = Chunk.objects.order_by("pk")[0]
    Chunk.objects.filter(pk=chunk.pk).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        write_again(chunk)


@pytest.mark.django_db(transaction=True)
def test_a_chunk_that_a_vector_is_being_written_for_is_deleted_after_it_and_with_it() -> None:
    indexed(make.knowledge_base(), unit_vectors(2))
    chunk = taken_away(Chunk.objects.order_by("pk")[0])

    def delete() -> None:
        Chunk.objects.filter(pk=chunk.pk).delete()

    with transaction.atomic():
        write_again(chunk)
        running = threading.Thread(target=make.closing(delete))
        running.start()
        wait_for(_somebody_waits, seconds=10, what="the other waits for the chunk")
    running.join(10)
    assert not Chunk.objects.filter(pk=chunk.pk).exists()
    assert not Embedding.objects.filter(chunk=chunk.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_vector_is_not_written_for_a_chunk_that_is_being_deleted() -> None:
    indexed(make.knowledge_base(), unit_vectors(2))
    chunk = taken_away(Chunk.objects.order_by("pk")[0])
    refused: list[Exception] = []

    def write() -> None:
        try:
            write_again(chunk)
        except IntegrityError as error:
            refused.append(error)

    with transaction.atomic():
        Chunk.objects.filter(pk=chunk.pk).delete()
        running = threading.Thread(target=make.closing(write))
        running.start()
        wait_for(_somebody_waits, seconds=10, what="the other waits for the chunk")
    running.join(10)
    assert len(refused) == 1
    assert not Embedding.objects.filter(chunk=chunk.pk).exists()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])
