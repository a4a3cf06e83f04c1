"""Index generations: which one of a knowledge base is live, and when its partition is indexed and dropped."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase, PartsBy
from apps.models.selectors import embedding_model_default
from apps.retrieval.index.partitions import BUSY, partition_create, partition_drop, partition_index
from apps.retrieval.index.stores.choosing import collection_named, store_chosen
from apps.retrieval.index.stores.following import collection_forsake
from apps.retrieval.models import (
    Embedding,
    EvaluationRun,
    GenerationState,
    Held,
    IndexGeneration,
    IndexPart,
    Reindex,
    VectorStore,
    parts_now,
)
from ragsite.core.bites import bites
from ragsite.core.configuration import SearchSettings
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import LeaseLostError, TransientError
from ragsite.core.locking import rows_hold
from ragsite.core.work import Turn

INDEX_LOCK = 1_700
"""The class of the advisory locks that say of a generation that its index is being built, or that it is written into."""

_WRITABLE = """
    WITH found AS MATERIALIZED (SELECT id FROM retrieval_indexgeneration WHERE id = ANY(%s))
    SELECT id FROM found WHERE pg_try_advisory_xact_lock_shared(%s, (id %% 2147483647)::integer)
"""
_BUILDING = "SELECT pg_advisory_xact_lock(%s, (%s %% 2147483647)::integer)"
_HOLD = "SELECT FROM documents_knowledgebase WHERE id = ANY(%s) ORDER BY id FOR SHARE"


def generation_ensure(knowledge_base: KnowledgeBase) -> IndexGeneration:
    """The live generation of a knowledge base, made with the default embedding model if there is none.

    Raises:
        ModelNotFoundError: no embedding model is registered.
        LeaseLostError: the knowledge base was deleted, and so whatever is worked on in it.
        TransientError: as `partition_create`.
    """
    live = generation_live(knowledge_base)
    if live is not None:
        return live
    try:
        with transaction.atomic():
            return _create(knowledge_base)
    except IntegrityError:
        return IndexGeneration.objects.get(knowledge_base=knowledge_base, state=GenerationState.LIVE)


def generation_live(knowledge_base: KnowledgeBase) -> IndexGeneration | None:
    """The generation that answers searches; None until the first document was chunked."""
    return IndexGeneration.objects.filter(knowledge_base=knowledge_base, state=GenerationState.LIVE).first()


def generations_held(knowledge_base_ids: Collection[UUID]) -> dict[UUID, IndexGeneration]:
    """The live generations of knowledge bases, by knowledge base. Until the transaction ends none is switched to another.

    Take it before any lock on a document: who deletes a knowledge base takes the two in that order.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [sorted(knowledge_base_ids)])
    live = IndexGeneration.objects.filter(knowledge_base__in=knowledge_base_ids, state=GenerationState.LIVE)
    return {generation.knowledge_base_id: generation for generation in live}


def index_hold(generation: IndexGeneration) -> None:
    """Say, until the transaction ends, that the generation's index is being built: nobody writes into it meanwhile.

    A lock of its own: switches and activations hold the generation's row too, and are over in a moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BUILDING, [INDEX_LOCK, generation.pk])


def generations_writable(generation_ids: Collection[int]) -> set[int]:
    """Those of the generations whose HNSW index is not being built. Until the transaction ends none is begun.

    A build keeps everybody from writing into its partition, for minutes where that is large. Who writes for several knowledge
    bases asks here first, so that the others don't wait for one.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITABLE, [sorted(generation_ids), INDEX_LOCK])
        return {generation_id for (generation_id,) in cursor.fetchall()}


def _create(knowledge_base: KnowledgeBase) -> IndexGeneration:
    if not KnowledgeBase.objects.filter(pk=knowledge_base.pk, deleted_at=None).exists():
        raise LeaseLostError(f"The knowledge base {knowledge_base.pk} was deleted; what is worked on in it is dropped.")
    model, chunking = embedding_model_default(), ChunkingSettings.from_dict(knowledge_base.chunking)
    store = store_chosen(knowledge_base)
    generation = IndexGeneration.objects.create(
        knowledge_base=knowledge_base,
        model_version_id=model.version_id,
        chunking=chunking.to_stored(),
        chunking_key=chunking.key,
        dimensions=model.dimensions,
        state=GenerationState.LIVE,
        store=store,
        collection=collection_named(store),
        parts=parts_in(store, knowledge_base.parts),
    )
    partition_create(generation)
    return generation


def parts_in(store: VectorStore, parts: str) -> PartsBy:
    """By what a generation is divided whose vectors are searched in that store, where `parts` is wanted: only in PostgreSQL."""
    return PartsBy(parts) if store is VectorStore.POSTGRESQL else PartsBy.NONE


def generation_index_if_large(generation: IndexGeneration) -> bool:
    """Build the HNSW index once the generation is past the size where it pays, or those of its parts that are; whether one was
    built now.

    It is of single bits where there are as many vectors by then as the knowledge base asks for that.
    """
    if generation.store != VectorStore.POSTGRESQL:
        return False
    built = [_index_if_large(held, generation) for held in parts_now(generation)]
    return any(built)


def _index_if_large(held: Held, generation: IndexGeneration) -> bool:
    if held.has_hnsw:
        return False
    vectors, at = Embedding.objects.filter(part_id=held.pk).count(), generation.knowledge_base
    settings = SearchSettings.current(Place(at.tenant_id, at.pk))
    if vectors < settings.hnsw_min_rows:
        return False
    quantised = 0 < settings.quantised_min_rows <= vectors
    rows: QuerySet[Any] = type(held)._default_manager.filter(pk=held.pk)
    with transaction.atomic():
        index_hold(generation)
        # Two builders of one index would wait for each other.
        if not rows.select_for_update(no_key=True).filter(has_hnsw=False):
            return False
        partition_index(held, quantised=quantised)
        rows.update(has_hnsw=True, quantised=quantised)
    return True


def generations_index(turn: Turn) -> bool:
    """Build the HNSW indexes of generations that answer, or of their parts, that have become large; whether others may be due.

    One build is one long step: 45 s for 100,000 vectors on two cores, in one statement. A turn ends only between two of
    them, so who runs this needs a limit of its own, by the largest generation there is.
    """

    def bite() -> bool:
        due = _index_due()
        if due is not None:
            generation_index_if_large(due)
        return due is not None

    return bites(turn, bite)


def _index_due() -> IndexGeneration | None:
    """A generation that answers and lacks an index that pays, its own or a part's; of each no more is counted than that."""
    rows = {"rows": SearchSettings.current().hnsw_min_rows}
    found = (IndexGeneration.objects.raw(statement, rows) for statement in (_INDEX_DUE, _INDEX_DUE_IN_PART))
    return next(chain.from_iterable(found), None)


def generations_of_deleted_purge(turn: Turn) -> bool:
    """Drop the partitions of deleted knowledge bases that hold no document any more; whether some are left.

    Their deletion drops them as a rule; this is for what a worker made that was at a document meanwhile.

    Raises:
        TransientError: (code `busy`) the table of vectors is in use.
    """
    doomed = IndexGeneration.objects.exclude(knowledge_base__deleted_at=None).filter(
        knowledge_base__documents__isnull=True
    )
    return bites(turn, lambda: _drop_first(doomed))


def generations_drop(knowledge_base_id: UUID) -> bool:
    """Drop a generation of a deleted knowledge base with its partition; whether there was one.

    Raises:
        TransientError: (code `busy`) the table of vectors is in use.
    """
    return _drop_first(IndexGeneration.objects.filter(knowledge_base=knowledge_base_id))


def _drop_first(generations: QuerySet[IndexGeneration]) -> bool:
    """The partition goes first: a generation without one is found again by the next worker."""
    generation = generations.order_by("pk").first()
    if generation is None:
        return False
    partition_drop(generation)
    generation_delete(generation)
    return True


def generation_delete(generation: IndexGeneration) -> None:
    """Remove the row of a generation whose partition is gone; what names it, re-indexes and runs, names none any more."""
    named = Q(generation=generation.pk) | Q(previous=generation.pk)
    with transaction.atomic():
        rows_hold(KnowledgeBase.objects.filter(pk=generation.knowledge_base_id))
        rows_hold(Reindex.objects.filter(named))
        rows_hold(EvaluationRun.objects.filter(generation=generation.pk))
        if generation.is_divided:
            _check_without_parts(generation)
        collection_forsake(generation)
        IndexGeneration.objects.filter(pk=generation.pk).delete()


def _check_without_parts(generation: IndexGeneration) -> None:
    """Whoever made one since its partitions were dropped has ended by now, as both hold the generation's row."""
    rows_hold(IndexGeneration.objects.filter(pk=generation.pk), removing=True)
    if IndexPart.objects.filter(generation=generation.pk).exists():
        raise TransientError(
            f"Generation {generation.pk} got a part while it was removed.",
            code=BUSY, action="It is tried again automatically.", retry_after=5,
        )  # fmt: skip


_INDEX_DUE = """
    SELECT g.* FROM retrieval_indexgeneration g
    WHERE g.state IN ('live', 'standby') AND NOT g.has_hnsw AND g.store = 'postgresql' AND (
        SELECT count(*) FROM (
            SELECT FROM retrieval_embedding e WHERE e.generation_id = g.id LIMIT %(rows)s) counted) >= %(rows)s
    ORDER BY g.id
    LIMIT 1
"""

_INDEX_DUE_IN_PART = """
    SELECT g.* FROM retrieval_indexgeneration g JOIN retrieval_indexpart p ON p.generation_id = g.id
    WHERE g.state IN ('live', 'standby') AND NOT p.has_hnsw AND (
        SELECT count(*) FROM (
            SELECT FROM retrieval_embedding e WHERE e.generation_id = p.id LIMIT %(rows)s) counted) >= %(rows)s
    ORDER BY p.id
    LIMIT 1
"""
