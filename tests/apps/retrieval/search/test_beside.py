"""Searches, deletions and re-indexes of knowledge bases whose vectors are searched beside PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.documents.models import KnowledgeBase
from apps.documents.retrieval_settings import Mode
from apps.documents.services.documents import document_delete
from apps.documents.services.purging import documents_purge
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.stores.following import stores_follow
from apps.retrieval.index.stores.rebuilding import stores_rebuild
from apps.retrieval.index.stores.types import StoreAwayError
from apps.retrieval.models import DroppedCollection, IndexGeneration, ReindexState, StoredVersion
from apps.retrieval.pipeline import retrieve
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.services import reindex_rollback
from apps.retrieval.search import beside as searching
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from ragsite.core.errors import ConflictError
from ragsite.core.work import Turn
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.reindexing.rebuilding import started, worked
from tests.vector_stores import MemoryStore, Mortal, beside, followed

pytestmark = pytest.mark.django_db
BERTHS, OFFICE = "The harbour has 42 berths for guests.", "Opening at seven."
QUESTION = "How many berths has the harbour?"


@pytest.fixture
def store(settings: Any) -> Iterator[Mortal]:
    """Where new index generations have their vectors."""
    made = Mortal(MemoryStore())
    with beside(made, settings):
        yield made


def searched(base: KnowledgeBase, **how: Any) -> Retrieval:
    return retrieve(SearchRequest(QUESTION, **how), scope=make.scope(base), deadline=make.soon())


def texts(found: Retrieval) -> list[str]:
    return [passage.text for passage in found.passages]


def kept(store: Mortal) -> int:
    assert isinstance(store.store, MemoryStore)
    return sum(map(len, store.store.kept.values()))


def test_a_search_goes_on_without_its_store_and_says_so(store: Mortal, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make.knowledge_base()
    for text in (BERTHS, OFFICE):
        make.ready_version(base, text, filename="a.txt")
    followed()
    whole = searched(base)
    assert not whole.degraded
    assert "nearest" in store.calls
    store.dies = lambda _number, _call: "away"
    without = searched(base)
    assert texts(without) == texts(whole)
    (told,) = without.degraded
    assert told.record()["step"] == "dense"
    assert told.record()["knowledge_bases"] == [str(base.pk)]
    assert "the vectors in PostgreSQL were compared" in told.detail
    with pytest.raises(StoreAwayError):
        searched(base, fallback=False)
    monkeypatch.setattr(searching, "MOST_COMPARED", -2)
    by_words = searched(base)
    assert texts(by_words) == [BERTHS]
    assert [plan.leg for plan in by_words.plans] == [Mode.LEXICAL]
    assert "only words were searched for" in by_words.degraded[0].detail
    with pytest.raises(StoreAwayError):
        searched(base, mode=Mode.DENSE)
    base.retrieval = {"mode": "dense"}
    base.save()
    assert texts(searched(base)) == [BERTHS]


def test_a_deleted_document_is_found_no_more_and_leaves_no_vector_in_the_store(store: Mortal) -> None:
    base = make.knowledge_base()
    version = make.ready_version(base, BERTHS, filename="a.txt")
    followed()
    assert kept(store) == 1
    document_delete(document=version.document, actor=ACTOR)
    assert texts(searched(base)) == []
    followed()
    assert kept(store) == 0
    documents_purge(Turn.of(60))
    followed()
    assert not StoredVersion.objects.exists()


def test_a_re_index_moves_a_knowledge_base_into_a_store_and_back(store: Mortal, settings: Any) -> None:
    settings.RAGSITE_VECTOR_STORE = "postgresql"
    base = make.knowledge_base()
    make.ready_version(base, BERTHS, filename="a.txt")
    before = generation_ensure(base)
    with pytest.raises(ConflictError, match="already"):
        started(base)
    settings.RAGSITE_VECTOR_STORE = "milvus"
    reindex = worked(started(base))
    assert (reindex.state, reindex.embedded, reindex.reused) == (ReindexState.BUILDING, 0, 1)
    assert "vectors of 1 documents" in reindex.error
    followed()
    assert worked(reindex).state == ReindexState.SWITCHED
    live = generation_ensure(base)
    assert (before.collection, kept(store), live.store) == ("", 1, "milvus")
    assert searched(base).plans[0].plan == "store"
    assert worked(reindex_rollback(base, actor=ACTOR)).state == ReindexState.SWITCHED
    assert generation_ensure(base) == before
    IndexGeneration.objects.filter(pk=live.pk).update(retired_at="2026-01-01T00:00:00Z")
    generation_drop(live, actor=ACTOR)
    assert DroppedCollection.objects.get().name == live.collection
    store.dies = lambda _number, _call: "away"
    with pytest.raises(StoreAwayError):
        stores_follow(Turn.of(60))
    store.dies = lambda _number, _call: ""
    followed()
    assert (kept(store), store.store.kept) == (0, {})
    assert not DroppedCollection.objects.exists()
    assert not StoredVersion.objects.exists()


def test_a_restored_database_fills_collections_of_its_own(store: Mortal) -> None:
    base = make.knowledge_base()
    generation, _ = indexed(base, unit_vectors(3))
    followed()
    assert stores_rebuild() == 1
    followed()
    assert kept(store) == 6
    generation.refresh_from_db()
    assert len(store.store.kept[generation.collection]) == 3
