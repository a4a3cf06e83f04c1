"""The switch from one generation to another, in one transaction that every activation of a version waits for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.events import KnowledgeBaseUpdated
from apps.documents.models import KnowledgeBase
from apps.retrieval.evaluation.experiments.noting import reindex_note
from apps.retrieval.events import VectorUpdated
from apps.retrieval.index.embeddings import ready_versions_lacking
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import lexical_lacks
from apps.retrieval.models import GenerationState, IndexGeneration, Reindex, ReindexState, VectorStore
from apps.retrieval.reindexing.holding import reindex_hold
from apps.retrieval.reindexing.waiting import REINDEX
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.outbox import emit


def generation_of(reindex: Reindex) -> IndexGeneration:
    """The generation that is built.

    Raises:
        PermanentError: it is gone.
    """
    if reindex.generation is None:
        raise PermanentError("The generation was dropped.", action="Cancel this re-index and start another.")
    return reindex.generation


def index_of(generation: IndexGeneration) -> LexicalIndex:
    """The lexical index that the generation is searched by."""
    return LexicalIndex(generation.knowledge_base_id, generation.chunking_key)


def generation_is_whole(generation: IndexGeneration) -> bool:
    """Whether the generation lacks nothing of any ready version."""
    return not ready_versions_lacking(generation, limit=1) and not lexical_lacks(index_of(generation))


def switch_try(reindex_id: UUID, *, claim: Claim | None = None) -> bool:
    """Let the generation answer, if it lacks nothing at this moment; whether it answers now.

    An activation holds the knowledge base's row shared, so none comes between the look and the switch; one that waited
    finds the new generation. Searches wait for nothing. Without a claim it is tried beside the worker of the re-index.

    Raises:
        LeaseLostError: the claim was lost.
    """
    with transaction.atomic():
        base = Reindex.objects.values_list("knowledge_base", flat=True).get(pk=reindex_id)
        knowledge_base = KnowledgeBase.objects.select_for_update(no_key=True).get(pk=base)
        reindex = _held(reindex_id, claim)
        if reindex is None or knowledge_base.deleted_at is not None:
            return False
        new, old = generation_of(reindex), IndexGeneration.objects.get(knowledge_base=base, state=GenerationState.LIVE)
        if not generation_is_whole(new):
            return False
        _exchange(old, new)
        actor = Actor.kept(reindex.actor, job=REINDEX)
        _base_change(knowledge_base, old, new, actor)
        Reindex.objects.filter(pk=reindex.pk).update(
            state=ReindexState.SWITCHED, previous=old, ended_at=Now(), attempts=0, error="", **RELEASED
        )
        emit(_event(reindex, knowledge_base, old, new), actor=actor)
        reindex_note(reindex.pk)
    return True


def _held(reindex_id: UUID, claim: Claim | None) -> Reindex | None:
    if claim is not None:
        return reindex_hold(claim)
    rows = Reindex.objects.select_for_update(of=("self",), no_key=True).select_related("generation")
    return rows.filter(pk=reindex_id, state=ReindexState.SWITCHING).first()


def _exchange(old: IndexGeneration, new: IndexGeneration) -> None:
    """First the one and then the other: the database allows one live generation at a time."""
    IndexGeneration.objects.filter(pk=old.pk).update(state=GenerationState.RETIRED, retired_at=Now())
    IndexGeneration.objects.filter(pk=new.pk).update(state=GenerationState.LIVE, retired_at=None)


def _base_change(knowledge_base: KnowledgeBase, old: IndexGeneration, new: IndexGeneration, actor: Actor) -> None:
    """The knowledge base is chunked and kept in parts as its live generation is, and its versions count those chunks. Which parts
    it is to have stays as it was where another store searches the vectors.
    """
    changes: dict[str, Any] = {}
    if old.chunking_key != new.chunking_key:
        changes["chunking"] = new.chunking
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {"knowledge_base": knowledge_base.pk, "key": new.chunking_key})
    if new.store == VectorStore.POSTGRESQL and knowledge_base.parts != new.parts:
        changes["parts"] = new.parts
    if not changes:
        return
    KnowledgeBase.objects.filter(pk=knowledge_base.pk).update(**changes)
    emit(
        KnowledgeBaseUpdated(
            tenant_id=knowledge_base.tenant_id,
            knowledge_base_id=knowledge_base.pk,
            changed=tuple(changes),
            visibility=knowledge_base.visibility,
        ),
        actor=actor,
    )


def _event(
    reindex: Reindex, knowledge_base: KnowledgeBase, old: IndexGeneration, new: IndexGeneration
) -> VectorUpdated:
    return VectorUpdated(
        tenant_id=knowledge_base.tenant_id,
        knowledge_base_id=knowledge_base.pk,
        generation_id=new.pk,
        previous_generation_id=old.pk,
        model=str(new.model_version),
        chunking=ChunkingSettings.from_dict(new.chunking).to_dict(),
        is_rollback=reindex.is_rollback,
    )


_COUNT = """
    WITH counted AS MATERIALIZED (
        SELECT c.version_id, count(*) AS chunks
        FROM documents_document d
        JOIN documents_documentversion r ON r.document_id = d.id
        JOIN documents_chunk c ON c.version_id = r.id AND c.chunking_key = %(key)s
        WHERE d.knowledge_base_id = %(knowledge_base)s AND d.deleted_at IS NULL AND r.status = 'ready'
        GROUP BY c.version_id
    ), locked AS MATERIALIZED (
        SELECT v.id FROM documents_documentversion v JOIN counted ON v.id = counted.version_id
        WHERE v.chunk_count <> counted.chunks ORDER BY v.id FOR NO KEY UPDATE OF v
    )
    UPDATE documents_documentversion v
    SET chunk_count = counted.chunks
    FROM counted
    WHERE v.id = counted.version_id AND v.id = ANY(ARRAY(SELECT id FROM locked))
"""
