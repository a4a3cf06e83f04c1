"""What every place keeps to in which the vectors of a generation are searched: PostgreSQL's own tables, and stores beside it.

What a store beside PostgreSQL has is compared chunk by chunk, whatever was killed on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from numpy.typing import NDArray

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase
from apps.documents.rights.access import AccessScope, Subjects
from apps.documents.services.documents import document_delete
from apps.models.gateway import Deadline
from apps.models.selectors import embedding_model_default
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.stores.choosing import collection_of
from apps.retrieval.index.stores.following import stores_follow
from apps.retrieval.index.stores.milvus import MilvusStore
from apps.retrieval.index.stores.types import Among, Collection, StoreAwayError, StoredVectors
from apps.retrieval.index.stores.types import VectorStore as Store
from apps.retrieval.models import Embedding, IndexGeneration
from apps.retrieval.search import beside as searching
from apps.retrieval.search import dense
from apps.retrieval.search.beside import stores_asked
from apps.retrieval.search.dense import SearchPlan
from apps.retrieval.search.filters import SearchFilters, filters_condition, scope_condition
from apps.retrieval.search.legs import SearchSpace, dense_leg
from apps.retrieval.search.questions import Question
from ragsite.core.ids import new_id
from ragsite.core.work import Turn
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.making import WIDTH, indexed, unit_vectors
from tests.vector_stores import MemoryStore, Mortal, beside, engine, followed, milvus_url, repaired  # noqa: F401

pytestmark = pytest.mark.django_db

# Engines: what a store beside PostgreSQL does when it is called.


def collection() -> Collection:
    return Collection(f"ragsite_{uuid4().hex}", WIDTH)


def filled(engine: Store, vectors: NDArray[np.float32], *, versions: int = 4) -> tuple[Collection, list[UUID]]:  # noqa: F811
    """A collection whose chunks are numbered from 1 on and lie in so many versions, in turn."""
    made, ids = collection(), [uuid4() for _ in range(versions)]
    engine.ensure(made)
    engine.write(
        made, StoredVectors(range(1, len(vectors) + 1), [ids[at % versions] for at in range(len(vectors))], vectors)
    )
    return made, ids


def near(engine: Store, of: Collection, vector: NDArray[np.float32], limit: int, among: Among = Among()) -> list[int]:  # noqa: B008, F811
    found = engine.nearest(of, vector, limit=limit, among=among, seconds=10.0)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    return [one.chunk_id for one in found]


def test_an_engine_finds_the_nearest_among_the_versions_it_is_told(engine: Store) -> None:  # noqa: F811
    vectors = unit_vectors(40)
    of, ids = filled(engine, vectors)
    order = [int(place) + 1 for place in np.argsort(-(vectors @ vectors[3]))]
    assert near(engine, of, vectors[3], 10) == order[:10]
    of_first = [one for one in order if (one - 1) % 4 == 0]
    assert near(engine, of, vectors[3], 20, Among(only=frozenset(ids[:1]))) == of_first
    assert near(engine, of, vectors[3], 40, Among(without=frozenset(ids[:1]))) == [
        one for one in order if one not in of_first
    ]
    assert near(engine, of, vectors[3], 40, Among(only=frozenset(ids[:1]), without=frozenset(ids[:1]))) == []


def test_an_engine_writes_and_removes_twice_as_once(engine: Store) -> None:  # noqa: F811
    vectors = unit_vectors(6)
    of, (first, second) = filled(engine, vectors, versions=2)
    engine.write(of, StoredVectors([1, 2], [first, second], vectors[[5, 4]]))
    assert engine.held(of, first=0, before=None, limit=100) == {at: (first, second)[(at - 1) % 2] for at in range(1, 7)}
    assert engine.held(of, first=2, before=4, limit=100) == {2: second, 3: first}
    assert set(near(engine, of, vectors[5], 2)) == {1, 6}
    for _ in range(2):
        engine.remove(of, [first, uuid4()])
        assert engine.held(of, first=0, before=None, limit=100) == {2: second, 4: second, 6: second}
    assert sorted(near(engine, of, vectors[0], 6)) == [2, 4, 6]


def test_an_engine_makes_and_drops_twice_as_once_and_says_what_is_gone(engine: Store) -> None:  # noqa: F811
    of = collection()
    assert (engine.ensure(of), engine.ensure(of)) == (True, False)
    for _ in range(2):
        engine.drop(of.name)
    with pytest.raises(StoreAwayError) as gone:
        near(engine, of, unit_vectors(1)[0], 1)
    assert "again automatically" in gone.value.sentence
    engine.check()
    assert engine.ensure(of)


# Places: what a search finds, wherever the vectors of the generation are searched.


@dataclass
class Place:
    """Where vectors of a knowledge base are searched; `store` is None for PostgreSQL's own tables."""

    store: Mortal | None

    @property
    def is_beside(self) -> bool:
        return self.store is not None

    def holds(self, generation: IndexGeneration) -> dict[int, UUID]:
        assert self.store is not None
        return self.store.store.held(collection_of(generation), first=0, before=None, limit=10_000)


BESIDE = ["memory", pytest.param("milvus", marks=pytest.mark.milvus)]


@contextmanager
def placed(name: str, request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    if name == "postgresql":
        yield Place(None)
        return
    store = Mortal(MemoryStore() if name == "memory" else MilvusStore(request.getfixturevalue("milvus_url")))
    with beside(store, settings):
        yield Place(store)


@pytest.fixture(params=["postgresql", *BESIDE])
def place(request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    """Each place."""
    with placed(request.param, request, settings) as made:
        yield made


@pytest.fixture(params=BESIDE)
def apart(request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    """Each store beside PostgreSQL."""
    with placed(request.param, request, settings) as made:
        yield made


def found(
    generation: IndexGeneration,
    vector: NDArray[np.float32],
    *,
    scope: AccessScope,
    limit: int = 10,
    filters: SearchFilters = SearchFilters(),  # noqa: B008
    plan: SearchPlan | None = None,
) -> list[int]:
    """The chunks that the dense leg of a search finds, as a search does it."""
    generation.refresh_from_db()
    condition = scope_condition(scope) & filters_condition(filters)
    version_id = generation.model_version_id
    asked = {"scope": scope, "generations": [generation], "limit": limit, "deadline": Deadline.after(10)}
    answers = stores_asked(condition, vectors={version_id: vector}, **asked)
    question = Question("?", vector, embedding_model_default())
    (hits,) = dense_leg(SearchSpace(scope, condition, [generation], limit, answers), {version_id: question})
    assert plan is None or hits.result.plans == {generation.pk: plan}
    return [hit.chunk_id for hit in hits.result.hits]


def expected(
    generation: IndexGeneration, vectors: dict[int, NDArray[np.float32]], vector: NDArray[np.float32]
) -> list[int]:
    """The chunks of current versions of living documents, the nearest first, by brute force."""
    current = Document.objects.filter(knowledge_base=generation.knowledge_base_id, deleted_at=None)
    chunks = Chunk.objects.filter(version__in=current.values("current_version")).values_list("pk", flat=True)
    halves = {pk: vectors[pk].astype(np.float16).astype(np.float64) for pk in chunks}
    return sorted(halves, key=lambda pk: -float(halves[pk] @ vector / np.linalg.norm(halves[pk])))


def world(number: int = 30) -> tuple[KnowledgeBase, IndexGeneration, list[Document], dict[int, NDArray[np.float32]]]:
    """A knowledge base of documents of one chunk each, and the vectors by their chunks."""
    base, vectors = make.knowledge_base(), unit_vectors(number)
    generation, documents = indexed(base, vectors)
    pks = Chunk.objects.filter(version__document__knowledge_base=base).order_by("pk").values_list("pk", flat=True)
    return base, generation, documents, dict(zip(pks, vectors, strict=True))


QUERY = unit_vectors(1, seed=5)[0]


def assert_alike(place: Place, generation: IndexGeneration) -> None:
    """The store has the vectors of current versions of living documents, each once, and no other."""
    current = Document.objects.filter(knowledge_base=generation.knowledge_base_id, deleted_at=None)
    wanted = Embedding.objects.filter(part_id=generation.pk, version_id__in=current.values("current_version"))
    assert place.holds(generation) == dict(wanted.values_list("chunk_id", "version_id"))


def test_the_nearest_are_found_in_order_before_the_store_knows_of_them_and_after(place: Place) -> None:
    base, generation, _, vectors = world()
    wanted = expected(generation, vectors, QUERY)
    assert found(generation, QUERY, scope=make.scope(base)) == wanted[:10]
    followed()
    plan = SearchPlan.STORE if place.is_beside else SearchPlan.EXACT
    assert found(generation, QUERY, scope=make.scope(base), plan=plan) == wanted[:10]
    assert found(generation, QUERY, scope=make.scope(base), limit=100) == wanted


def test_only_what_meets_filters_rights_and_the_generation_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, generation, documents, vectors = world()
    other, _, _, _ = world(4)
    followed()
    hidden, granted, *_ = documents
    Document.objects.filter(pk__in=[hidden.pk, granted.pk]).update(restricted=True)
    key, _ = make.keyed(base.tenant)
    make.grant(granted, key)
    scope = AccessScope(base.tenant_id, frozenset([base.pk]), subjects=Subjects(api_key_id=key.pk))
    chunk_of = dict(Chunk.objects.values_list("version__document", "pk"))
    wanted = [one for one in expected(generation, vectors, QUERY) if one != chunk_of[hidden.pk]]
    assert found(generation, QUERY, scope=scope, limit=29) == wanted
    some = frozenset(document.pk for document in documents[:9])
    few = [one for one in wanted if one in {chunk_of[pk] for pk in some}]
    for most in (dense.SELECTIVE, 3):
        monkeypatch.setattr(dense, "SELECTIVE", most)
        assert found(generation, QUERY, scope=scope, limit=29, filters=SearchFilters(document_ids=some)) == few
        assert found(generation, QUERY, scope=scope, limit=3, filters=SearchFilters(document_ids=some)) == few[:3]
    monkeypatch.setattr(searching, "MOST_NAMED", 0)
    assert found(generation, QUERY, scope=scope, limit=3, filters=SearchFilters(document_ids=some)) == few[:3]
    assert found(generation, QUERY, scope=scope, limit=5) == wanted[:5]
    assert found(generation, QUERY, scope=make.scope(other)) == []


def test_what_is_deleted_or_replaced_is_not_found_from_that_moment_on(place: Place) -> None:
    base, generation, _, vectors = world(8)
    followed()
    first, *others = expected(generation, vectors, QUERY)
    document_delete(document=Document.objects.get(current_version__chunks=first), actor=ACTOR)
    assert found(generation, QUERY, scope=make.scope(base)) == others
    followed()
    assert found(generation, QUERY, scope=make.scope(base)) == others
    if place.is_beside:
        assert_alike(place, generation)


def test_versions_come_and_go_and_come_back(apart: Place) -> None:
    base, generation, (document, *_), _ = world(3)
    followed()
    newer = DocumentVersion.objects.get(pk=document.current_version_id)
    newer.pk, newer.number = new_id(), 2
    newer.save(force_insert=True)
    chunk = Chunk.objects.get(version=document.current_version_id)
    chunk.pk, chunk.version = None, newer
    chunk.save(force_insert=True)
    embeddings_write(generation, [chunk.pk], QUERY[None])
    for current in (newer, document.current_version, newer):
        Document.objects.filter(pk=document.pk).update(current_version=current)
        for _ in range(2):
            chunk_ids = found(generation, QUERY, scope=make.scope(base))
            of_document = Chunk.objects.filter(pk__in=chunk_ids, version__document=document)
            assert list(of_document.values_list("version", flat=True)) == [current.pk]
            followed()
        assert_alike(apart, generation)


@pytest.mark.parametrize("fate", ["before", "after"])
def test_whoever_is_killed_between_steps_loses_and_doubles_nothing(apart: Place, fate: str) -> None:
    base, generation, documents, vectors = world(6)
    changes = [lambda: None, lambda: document_delete(document=documents[0], actor=ACTOR)]
    for change in changes:
        change()
        number = 0
        while True:
            number += 1
            assert apart.store is not None
            apart.store.calls.clear()
            apart.store.dies = lambda at, _call, number=number: fate if at == number else ""
            try:
                followed()
            except KeyboardInterrupt:
                apart.store.dies = lambda _at, _call: ""
                assert found(generation, QUERY, scope=make.scope(base)) == expected(generation, vectors, QUERY)
                Document.objects.filter(pk=documents[1].pk).update(deleted_at=None, current_version=None)
                Document.objects.filter(pk=documents[1].pk).update(current_version=documents[1].current_version)
                continue
            break
        assert number > 3
        apart.store.dies = lambda _at, _call: ""
        assert_alike(apart, generation)
        assert found(generation, QUERY, scope=make.scope(base), plan=SearchPlan.STORE) == expected(
            generation, vectors, QUERY
        )


def test_who_was_presumed_dead_and_writes_late_is_found_out(apart: Place) -> None:
    base, generation, documents, vectors = world(5)
    assert apart.store is not None

    def late(_number: int, call: str) -> str:
        """While the first writer is about to write, the document is deleted, and another worker sees to that."""
        if call == "write" and not deleted:
            deleted.append(documents[0])
            document_delete(document=documents[0], actor=ACTOR)
            stores_follow(Turn.of(60))
        return ""

    deleted: list[Document] = []
    apart.store.dies = late
    followed()
    assert deleted
    assert_alike(apart, generation)
    assert found(generation, QUERY, scope=make.scope(base)) == expected(generation, vectors, QUERY)


def test_a_store_that_is_away_is_answered_for_and_catches_up(apart: Place) -> None:
    base, generation, documents, vectors = world(8)
    assert apart.store is not None
    apart.store.dies = lambda _number, _call: "away"
    with pytest.raises(StoreAwayError):
        stores_follow(Turn.of(60))
    document_delete(document=documents[3], actor=ACTOR)
    wanted = expected(generation, vectors, QUERY)
    assert found(generation, QUERY, scope=make.scope(base), plan=SearchPlan.EXACT) == wanted
    apart.store.dies = lambda _number, _call: ""
    followed()
    assert_alike(apart, generation)
    assert found(generation, QUERY, scope=make.scope(base), plan=SearchPlan.STORE) == wanted


def test_a_store_that_was_emptied_or_has_what_nobody_knows_is_put_right(apart: Place) -> None:
    base, generation, _, vectors = world(8)
    followed()
    assert apart.store is not None
    (first, version_id), *_ = apart.holds(generation).items()
    of = collection_of(generation)
    apart.store.store.remove(of, [version_id])
    apart.store.store.write(of, StoredVectors([first + 1_000_000], [uuid4()], QUERY[None]))
    repaired()
    assert_alike(apart, generation)
    apart.store.store.drop(generation.collection)
    wanted = expected(generation, vectors, QUERY)
    assert found(generation, QUERY, scope=make.scope(base), plan=SearchPlan.EXACT) == wanted
    repaired()
    assert_alike(apart, generation)
    assert found(generation, QUERY, scope=make.scope(base), plan=SearchPlan.STORE) == wanted


def test_vectors_in_postgresql_alone_cost_a_search_no_statement_more() -> None:
    base, generation, _, _ = world(3)
    with CaptureQueriesContext(connection) as captured:
        stores_asked(
            scope_condition(make.scope(base)), scope=make.scope(base), generations=[generation],
            vectors={generation.model_version_id: QUERY}, limit=3, deadline=Deadline.after(1),
        )  # fmt: skip
    assert not captured.captured_queries
