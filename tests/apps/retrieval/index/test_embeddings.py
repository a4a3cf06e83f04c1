from __future__ import annotations

import numpy as np
import pytest
from django.db import IntegrityError, transaction

from apps.documents.models import Chunk, DocumentVersion
from apps.retrieval.index import embeddings
from apps.retrieval.index.embeddings import chunks_pending, embeddings_reuse, embeddings_write
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import Embedding, IndexGeneration
from apps.retrieval.search.dense import generations_in_scope
from tests import factories as make
from tests.apps.retrieval.making import WIDTH, indexed, unit_vectors

pytestmark = pytest.mark.django_db

TEXT = "The harbour has 42 berths for guests."


def chunked(*contents: str) -> tuple[IndexGeneration, list[DocumentVersion]]:
    """Versions of different documents that wait to be embedded."""
    base = make.knowledge_base(chunking={"context": "none"})
    versions = [make.upload(base, content, filename=f"{n}.txt").version for n, content in enumerate(contents)]
    make.run_stages(["parse", "chunk"])
    return generation_ensure(base), versions


def stored(generation: IndexGeneration) -> dict[int, np.ndarray]:
    rows = Embedding.objects.filter(part_id=generation.pk)
    return {row.chunk_id: np.array(row.embedding, dtype=np.float32) for row in rows}


def test_vectors_come_back_as_they_were_within_half_precision() -> None:
    vectors = unit_vectors(50)
    generation, _ = indexed(make.knowledge_base(), vectors)
    kept = stored(generation)
    chunks = Chunk.objects.order_by("pk").values_list("pk", flat=True)
    assert len(kept) == 50
    for pk, vector in zip(chunks, vectors, strict=True):
        np.testing.assert_allclose(kept[pk], vector, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(kept[pk], vector.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("width", [WIDTH - 1, WIDTH + 1, 1])
def test_a_vector_of_the_wrong_width_is_refused_by_the_partition(width: int) -> None:
    generation, (version,) = chunked(TEXT)
    chunk = version.chunks.get()
    with pytest.raises(IntegrityError, match="embedding_check"), transaction.atomic():
        embeddings_write(generation, [chunk.pk], np.ones((1, width), dtype=np.float32))
    assert stored(generation) == {}


def test_a_chunk_has_one_vector_in_a_generation() -> None:
    generation, (version,) = chunked(TEXT)
    chunk = version.chunks.get()
    embeddings_write(generation, [chunk.pk], unit_vectors(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        embeddings_write(generation, [chunk.pk], unit_vectors(1))
    assert len(stored(generation)) == 1


def test_as_many_vectors_as_chunks_are_written_or_none() -> None:
    generation, versions = chunked(TEXT, "Another text that is here.")
    ids = [version.chunks.get().pk for version in versions]
    with pytest.raises(ValueError, match="2 chunks and 1 vectors"), transaction.atomic():
        embeddings_write(generation, ids, unit_vectors(1))
    assert stored(generation) == {}


def test_vectors_go_with_their_chunks() -> None:
    generation, (version,) = chunked(TEXT)
    embeddings_write(generation, [version.chunks.get().pk], unit_vectors(1))
    Chunk.objects.all().delete()
    assert stored(generation) == {}


def test_a_text_that_was_embedded_before_is_not_embedded_again() -> None:
    generation, (first, twin, other) = chunked(TEXT, f"{TEXT}\n", "Something else is written here.")
    assert first.chunks.get().content_hash == twin.chunks.get().content_hash
    embeddings_write(generation, [first.chunks.get().pk], unit_vectors(1))
    fresh = [version.chunks.get().pk for version in (twin, other)]
    assert embeddings_reuse(generation, fresh) == {fresh[0]}
    kept = stored(generation)
    assert kept.keys() == {first.chunks.get().pk, twin.chunks.get().pk}
    np.testing.assert_array_equal(*kept.values())
    assert embeddings_reuse(generation, fresh) == set()


def test_vectors_are_not_reused_across_generations() -> None:
    one, (first,) = chunked(TEXT)
    embeddings_write(one, [first.chunks.get().pk], unit_vectors(1))
    other, (twin,) = chunked(TEXT)
    assert embeddings_reuse(other, [twin.chunks.get().pk]) == set()
    assert stored(other) == {}


def test_pending_chunks_come_in_batches_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "BATCH", 4)
    base = make.knowledge_base(chunking={"size": 16, "overlap": 0})
    text = "\n\n".join(f"Berth {number} costs {number} euros for a night." for number in range(10))
    version = make.upload(base, text, filename="a.txt").version
    make.run_stages(["parse", "chunk"])
    generation = generation_ensure(base)
    batches = list(chunks_pending(generation, [version.pk]))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    ids = [pending.chunk_id for batch in batches for pending in batch]
    assert ids == list(version.chunks.order_by("pk").values_list("pk", flat=True))
    embeddings_write(generation, ids[:7], unit_vectors(7))
    left = [pending for batch in chunks_pending(generation, [version.pk]) for pending in batch]
    assert [pending.chunk_id for pending in left] == ids[7:]
    assert all(Chunk.objects.get(pk=pending.chunk_id).text == pending.text for pending in left)


def test_chunks_of_other_versions_are_not_pending() -> None:
    generation, (one, other) = chunked(TEXT, "Another text that is here.")
    (batch,) = chunks_pending(generation, [one.pk])
    assert {pending.version_id for pending in batch} == {one.pk}
    assert list(chunks_pending(generation, [])) == []
    assert generations_in_scope(make.scope(other.document.knowledge_base)) == [generation]


def test_every_vector_has_its_chunks_version_however_it_was_written() -> None:
    generation, (first, second) = chunked(TEXT, TEXT + "\n")
    embeddings_write(generation, [first.chunks.get().pk], unit_vectors(1))
    assert embeddings_reuse(generation, [second.chunks.get().pk]) == {second.chunks.get().pk}
    written = dict(Embedding.objects.filter(part_id=generation.pk).values_list("chunk_id", "version_id"))
    assert written == {version.chunks.get().pk: version.pk for version in (first, second)}
