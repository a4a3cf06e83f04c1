"""The parts of divided generations: which of them has a version's vectors, and how they come and go.

A part is made when the first vectors for it are about to be written, by itself and before the transaction that writes them, so
that nobody waits for others while he holds what these wait for. One in which nothing is left goes by a job. Of a generation that
is not divided nothing is asked here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from apps.retrieval.index.partitions import part_drop_empty, partition_create
from apps.retrieval.models import Embedding, Held, IndexGeneration, IndexPart
from ragsite.core.bites import walk
from ragsite.core.errors import LeaseLostError, TransientError
from ragsite.core.work import Turn

PAGE = 50
"""Parts that are looked at together for being empty."""

SETTLED = timedelta(hours=1)
"""A part is made before its first vectors are computed, and is empty until then."""

EMPTIED = "index-parts"


def parts_ensure(generation: IndexGeneration, version_ids: Collection[UUID]) -> None:
    """Make those of the parts that the versions' vectors lie in which are not there yet.

    Raises:
        LeaseLostError: the generation is being removed, or its knowledge base was deleted.
        TransientError: as `partition_create`.
    """
    if not generation.is_divided:
        return
    with connection.cursor() as cursor:
        cursor.execute(_LACKING, _of(generation) | {"versions": list(version_ids)})
        lacking = [key for (key,) in cursor.fetchall()]
    for key in lacking:
        _ensure(generation, key)


def part_homes(generation: IndexGeneration, chunk_ids: Sequence[int]) -> dict[Held, list[int]]:
    """What has the vectors of these chunks, which are there, each with the places of its own among them. It stays until the
    transaction ends.

    Raises:
        TransientError: a part is gone, as it was empty; it is made again before the next attempt.
    """
    if not generation.is_divided:
        return {generation: list(range(len(chunk_ids)))}
    home_of = _home_of(generation, chunk_ids)
    there = {part.pk: part for part in parts_hold(generation, sorted(set(home_of.values())))}
    homes: dict[Held, list[int]] = defaultdict(list)
    for place, chunk_id in enumerate(chunk_ids):
        part = there.get(home_of.get(chunk_id, 0))
        if part is None:
            raise TransientError("A part of the index was removed meanwhile; it is made again.", code="part_gone")
        homes[part].append(place)
    return homes


def parts_hold(generation: IndexGeneration, part_ids: Sequence[int] | None = None) -> list[IndexPart]:
    """Let nobody remove these parts of a generation, or any, until the transaction ends; those that are there."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {"generation": generation.pk, "parts": None if part_ids is None else list(part_ids)})
        held = [part_id for (part_id,) in cursor.fetchall()]
    return list(IndexPart.objects.filter(pk__in=held).select_related("generation").order_by("pk"))


def parts_purge(turn: Turn) -> bool:
    """Remove the parts in which nothing is left, page by page; whether the walk through all parts goes on."""
    return walk(turn, EMPTIED, _purge_page)


def _purge_page(position: str) -> str:
    parts = IndexPart.objects.filter(pk__gt=int(position or 0), created_at__lt=Now() - SETTLED)
    page = list(parts.select_related("generation").order_by("pk")[:PAGE])
    for part in page:
        if not Embedding.objects.filter(part_id=part.pk).exists():
            part_drop_empty(part)
    return str(page[-1].pk) if len(page) == PAGE else ""


def _ensure(generation: IndexGeneration, key: str) -> None:
    try:
        with transaction.atomic():
            _hold(generation)
            partition_create(IndexPart.objects.create(generation=generation, key=key))
    except IntegrityError:
        # Somebody else made it in the same moment, or the next attempt says what is wrong.
        return


def _hold(generation: IndexGeneration) -> None:
    """Let nobody begin to remove the generation until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, {"generation": generation.pk})
        if cursor.fetchone() is None:
            raise LeaseLostError(f"Generation {generation.pk} is being removed; what is worked on for it is dropped.")


def _home_of(generation: IndexGeneration, chunk_ids: Sequence[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_HOMES, _of(generation) | {"chunks": list(chunk_ids)})
        return dict(cursor.fetchall())


def _of(generation: IndexGeneration) -> dict[str, int | str]:
    return {"generation": generation.pk, "parts": generation.parts}


_LACKING = """
    SELECT DISTINCT of_version.key
    FROM (
        SELECT retrieval_part_key(%(parts)s, v.id) AS key FROM documents_documentversion v WHERE v.id = ANY(%(versions)s)
    ) of_version
    WHERE of_version.key IS NOT NULL AND NOT EXISTS (
        SELECT FROM retrieval_indexpart p WHERE p.generation_id = %(generation)s AND p.key = of_version.key)
    ORDER BY 1
"""

_HOMES = """
    SELECT c.id, p.id
    FROM documents_chunk c
    JOIN retrieval_indexpart p ON p.generation_id = %(generation)s AND p.key = retrieval_part_key(%(parts)s, c.version_id)
    WHERE c.id = ANY(%(chunks)s)
"""

_HOLD = """
    SELECT id FROM retrieval_indexpart
    WHERE generation_id = %(generation)s AND (%(parts)s::bigint[] IS NULL OR id = ANY(%(parts)s::bigint[]))
    ORDER BY id FOR KEY SHARE
"""

_ANSWERS = """
    SELECT FROM retrieval_indexgeneration g JOIN documents_knowledgebase b ON b.id = g.knowledge_base_id
    WHERE g.id = %(generation)s AND g.state <> 'dropped' AND b.deleted_at IS NULL
    FOR SHARE OF g
"""
