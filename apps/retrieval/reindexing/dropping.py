"""Generations that answer no more are removed: vectors at once, chunks and terms that nobody uses after them.

A generation that is DROPPED stands until all of it is gone, so that the sweep can go on where a process died.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.documents.models import KnowledgeBase
from apps.retrieval.events import VectorDeleted
from apps.retrieval.index.generations import generation_delete
from apps.retrieval.index.lexical.merges import lexical_drop_unused
from apps.retrieval.index.partitions import partition_drop
from apps.retrieval.models import KEPT_UP, RUN_ENDED, EvaluationRun, GenerationState, IndexGeneration
from ragsite.core.actors import Actor
from ragsite.core.bites import bites
from ragsite.core.configuration import SearchSettings
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.outbox import emit
from ragsite.core.work import Turn
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of

SEARCHES = 2
"""Deadlines of a search that a retired generation is kept at least: one that has read it as the live one may be at it."""

VERSIONS = 200
CHUNKS = 5_000
"""Versions, and about how many chunks, that are removed in one transaction."""

SECONDS = 5.0
"""How long who drops a generation waits for what is left of it to be removed."""


def generation_etag(generation: IndexGeneration) -> str:
    """By what becomes of it."""
    return etag_of(generation, "id", "state", "has_hnsw", "retired_at")


def generation_drop(generation: IndexGeneration, *, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Remove a generation that answers no more, with its vectors and what is left of its chunks and terms for nobody.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
        ConflictError: it is live, being built, was retired a moment ago, or is being evaluated.
        TransientError: (code `busy`) the table of vectors is in use; the sweep goes on with it, as with what takes longer
            than a request may.
    """
    with transaction.atomic():
        knowledge_base_hold(generation.knowledge_base_id)
        rows = IndexGeneration.objects.select_for_update(of=("self",), no_key=True).select_related("knowledge_base")
        locked = rows.filter(pk=generation.pk).exclude(state=GenerationState.DROPPED).first()
        if locked is None:
            raise NotFoundError(f"There is no generation {generation.pk}; it was dropped a moment ago.")
        condition.check(generation_etag(locked))
        _check_droppable(locked)
        IndexGeneration.objects.filter(pk=locked.pk).update(state=GenerationState.DROPPED)
        emit(_event(locked), actor=actor)
    generation_discard(locked.pk, Turn.of(SECONDS))


def _check_droppable(generation: IndexGeneration) -> None:
    seconds = SEARCHES * SearchSettings.current().seconds
    lately = IndexGeneration.objects.filter(pk=generation.pk, retired_at__gt=Now() - timedelta(seconds=seconds))
    if generation.state == GenerationState.LIVE:
        raise ConflictError(f"Generation {generation.pk} answers searches.", action="Re-index or roll back first.")
    if generation.state == GenerationState.BUILDING:
        raise ConflictError(f"Generation {generation.pk} is being built.", action="Cancel its re-index instead.")
    if generation.state in KEPT_UP:
        raise ConflictError(
            f"Generation {generation.pk} answers where the live one's model does not.",
            action="Let that model version name no smaller one (`models fallback`); the generation goes within a minute or two.",
        )
    if lately.exists():
        raise ConflictError(
            f"Generation {generation.pk} answered less than {seconds:g} s ago, and searches may still be using it.",
            action="Drop it a little later.",
            retry_after=float(seconds),
        )
    if EvaluationRun.objects.filter(generation=generation.pk).exclude(state__in=RUN_ENDED).exists():
        raise ConflictError(f"Generation {generation.pk} is being evaluated.", action="Wait until the run is done.")


def generation_discard(generation_id: int, turn: Turn) -> bool:
    """Remove what is left of a generation that was dropped; whether something still is.

    Raises:
        TransientError: (code `busy`) the table of vectors is in use.
    """
    generation = IndexGeneration.objects.filter(pk=generation_id, state=GenerationState.DROPPED).first()
    if generation is None:
        return False
    partition_drop(generation)
    if bites(turn, lambda: not _others(generation).exists() and _chunks_remove(generation) > 0):
        return True
    generation_delete(generation)
    return bites(turn, lexical_drop_unused)


def generations_discard(turn: Turn) -> bool:
    """Remove what is left of the generations that were dropped, one after the other; whether something still is.

    Raises:
        TransientError: (code `busy`) the table of vectors is in use.
    """
    return bites(turn, lambda: _discard_first(turn))


def _discard_first(turn: Turn) -> bool:
    first = IndexGeneration.objects.filter(state=GenerationState.DROPPED).order_by("pk").first()
    if first is None:
        return False
    generation_discard(first.pk, turn)
    return True


def _others(generation: IndexGeneration) -> QuerySet[IndexGeneration]:
    """The generations that have the chunks of this one too."""
    alike = IndexGeneration.objects.filter(
        knowledge_base=generation.knowledge_base_id, chunking_key=generation.chunking_key
    )
    return alike.exclude(state=GenerationState.DROPPED)


def knowledge_base_hold(knowledge_base_id: UUID) -> None:
    """Let nobody start a re-index of the knowledge base, switch or drop a generation of it until the transaction ends."""
    KnowledgeBase.objects.select_for_update(no_key=True).filter(pk=knowledge_base_id).first()


def _chunks_remove(generation: IndexGeneration) -> int:
    """Remove the chunks of some versions, of each all: a version has the chunks of a chunking or it has none."""
    parameters: dict[str, Any] = {
        "knowledge_base": generation.knowledge_base_id, "key": generation.chunking_key, "versions": VERSIONS,
        "chunks": CHUNKS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, parameters)
        return int(cursor.rowcount)


def _event(generation: IndexGeneration) -> VectorDeleted:
    return VectorDeleted(
        tenant_id=generation.knowledge_base.tenant_id,
        knowledge_base_id=generation.knowledge_base_id,
        generation_id=generation.pk,
    )


_REMOVE = """
    WITH held AS (
        SELECT v.id, (SELECT count(*) FROM documents_chunk c WHERE c.version_id = v.id AND c.chunking_key = %(key)s) AS chunks
        FROM documents_document d JOIN documents_documentversion v ON v.document_id = d.id
        WHERE d.knowledge_base_id = %(knowledge_base)s
          AND EXISTS (SELECT FROM documents_chunk c WHERE c.version_id = v.id AND c.chunking_key = %(key)s)
        LIMIT %(versions)s
    ), bounded AS (
        SELECT id FROM (SELECT id, sum(chunks) OVER (ORDER BY id) - chunks AS before FROM held) one
        WHERE before < %(chunks)s
    ), locked AS MATERIALIZED (
        SELECT v.id FROM documents_documentversion v WHERE v.id IN (SELECT id FROM bounded) ORDER BY v.id FOR UPDATE OF v
    )
    DELETE FROM documents_chunk WHERE chunking_key = %(key)s AND version_id = ANY(ARRAY(SELECT id FROM locked))
"""
