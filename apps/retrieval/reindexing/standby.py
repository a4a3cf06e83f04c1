"""A smaller model's index beside the live one: what is searched by meaning while the live one's model does not answer.

A model version names a smaller one (`models fallback`). Then each knowledge base that it indexes gets a generation of the smaller
one with the same chunks, which is filled and kept up to date here. It answers no search that the live one can answer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_version
from apps.retrieval.index.embeddings import embeddings_copy, ready_versions_lacking
from apps.retrieval.index.generations import generation_index_if_large, generations_writable
from apps.retrieval.index.indexing import pending_embedded
from apps.retrieval.index.partitions import partition_create
from apps.retrieval.index.parts import parts_ensure
from apps.retrieval.models import KEPT_UP, REINDEX_ENDED, GenerationState, IndexGeneration, Reindex
from apps.retrieval.reindexing.building import PAGE, portion_of, vectors_keep, versions_keep
from apps.retrieval.reindexing.dropping import knowledge_base_hold
from apps.retrieval.reindexing.planning import TOO_LONG, check_fits, planned_whole
from ragsite.core.errors import RagError
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)
_told: dict[UUID, str] = {}


def standbys_follow(turn: Turn) -> bool:
    """Make the smaller models' indexes that are wanted, give them what they lack, and end the others; whether some is left."""
    wanted = _wanted()
    _end_others(wanted)
    left = False
    for live in wanted:
        if turn.is_over():
            return True
        try:
            standby = _standby_of(live)
            left = (standby is not None and not _fill(standby, turn)) or left
        except RagError as error:
            _tell(live, error)
    return left


def _tell(live: IndexGeneration, error: RagError) -> None:
    """Once, and not in every turn."""
    if _told.get(live.knowledge_base_id) != error.sentence:
        _told[live.knowledge_base_id] = error.sentence
        logger.warning("no smaller index of %s for now: %s", live.knowledge_base_id, error.sentence)


def _wanted() -> list[IndexGeneration]:
    """The live generations whose model names a smaller one. It may be broken for now: its index stays for when it is mended."""
    live = IndexGeneration.objects.filter(
        state=GenerationState.LIVE,
        knowledge_base__deleted_at=None,
        model_version__fallback__isnull=False,
    )
    return list(live.select_related("model_version").order_by("pk"))


def _key(live: IndexGeneration) -> tuple[UUID, UUID | None, str]:
    """What tells its smaller index from others."""
    return live.knowledge_base_id, live.model_version.fallback_id, live.chunking_key


def _key_of(standby: IndexGeneration) -> tuple[UUID, UUID | None, str]:
    return standby.knowledge_base_id, standby.model_version_id, standby.chunking_key


def _end_others(wanted: Sequence[IndexGeneration]) -> None:
    """Those that nobody wants: in the first turn they answer no more, in the next one they go, as a search may be at them."""
    keys = {_key(live) for live in wanted}
    for one in IndexGeneration.objects.filter(state__in=KEPT_UP).order_by("pk"):
        if _key_of(one) not in keys:
            _become(one, GenerationState.FILLING) if one.state == GenerationState.STANDBY else _end(one)


def _end(generation: IndexGeneration) -> None:
    """One that has been the live one is kept for a roll-back; any other is removed, by the job that does so."""
    answered = generation.retired_at is not None
    _become(generation, GenerationState.RETIRED if answered else GenerationState.DROPPED)


def _become(generation: IndexGeneration, state: GenerationState) -> None:
    """Unless somebody went back to it meanwhile."""
    IndexGeneration.objects.filter(pk=generation.pk, state__in=KEPT_UP).exclude(state=state).update(state=state)


def _standby_of(live: IndexGeneration) -> IndexGeneration | None:
    """Its smaller index, made if need be; None while a re-index is at work on such a one.

    Raises:
        PermanentError: (code `chunks_too_long`) the smaller model would not read the chunks to their end.
        TransientError: as `partition_create`.
    """
    kept = IndexGeneration.objects.filter(knowledge_base=live.knowledge_base_id)
    if (found := kept.filter(state__in=KEPT_UP).first()) is not None:
        return found if _key_of(found) == _key(live) else None
    assert live.model_version.fallback_id is not None  # noqa: S101 - so it was found
    smaller = embedding_model_version(live.model_version.fallback_id)
    _check_fits(live, smaller, planned_whole(live).chunks(live.chunking_key))
    with transaction.atomic():
        knowledge_base_hold(live.knowledge_base_id)
        is_live = kept.filter(pk=live.pk, state=GenerationState.LIVE).exists()
        if not is_live or kept.filter(state__in=KEPT_UP).exists() or _is_being_built(live, smaller):
            return None
        return _kept_before(live, smaller) or _made(live, smaller)


def _check_fits(generation: IndexGeneration, model: EmbeddingModel, chunks: QuerySet[Chunk]) -> None:
    check_fits(generation, model, ChunkingSettings.from_dict(generation.chunking), chunks=chunks)


def _is_being_built(live: IndexGeneration, smaller: EmbeddingModel) -> bool:
    open_now = Reindex.objects.filter(knowledge_base=live.knowledge_base_id).exclude(state__in=REINDEX_ENDED)
    return open_now.filter(generation__model_version=smaller.version_id).exists()


def _kept_before(live: IndexGeneration, smaller: EmbeddingModel) -> IndexGeneration | None:
    """The newest of its kind that is kept for a roll-back, which it stays good for."""
    kept = IndexGeneration.objects.select_for_update(of=("self",), no_key=True).filter(
        knowledge_base=live.knowledge_base_id, model_version=smaller.version_id,
        chunking_key=live.chunking_key, state=GenerationState.RETIRED,
    )  # fmt: skip
    found = kept.order_by("-retired_at").first()
    if found is not None:
        found.state = GenerationState.FILLING
        found.save(update_fields=["state"])
    return found


def _made(live: IndexGeneration, smaller: EmbeddingModel) -> IndexGeneration:
    generation = IndexGeneration.objects.create(
        knowledge_base_id=live.knowledge_base_id, model_version_id=smaller.version_id, chunking=live.chunking,
        chunking_key=live.chunking_key, dimensions=smaller.dimensions, state=GenerationState.FILLING, parts=live.parts,
    )  # fmt: skip
    partition_create(generation)
    return generation


def _fill(standby: IndexGeneration, turn: Turn) -> bool:
    """Give it what it lacks; whether it lacks nothing. What does not come to that by the end of a turn answers no search."""
    try:
        whole = _filled(standby, turn)
    except RagError as error:
        _end(standby) if error.error_code == TOO_LONG else _become(standby, GenerationState.FILLING)
        raise
    if whole:
        generation_index_if_large(standby)
    _become(standby, GenerationState.STANDBY if whole else GenerationState.FILLING)
    return whole


def _filled(standby: IndexGeneration, turn: Turn) -> bool:
    while lacking := portion_of(ready_versions_lacking(standby, limit=PAGE)):
        if turn.is_over() or not _fill_portion(standby, lacking):
            return False
    return True


def _fill_portion(standby: IndexGeneration, version_ids: Sequence[UUID]) -> bool:
    """Whether it may go on: nobody ended it or builds its index."""
    model = embedding_model_version(standby.model_version_id)
    _check_fits(standby, model, Chunk.objects.filter(version__in=version_ids, chunking_key=standby.chunking_key))
    parts_ensure(standby, version_ids)
    with transaction.atomic():
        if not _is_held(standby):
            return False
        versions_keep(version_ids)
        embeddings_copy(standby, version_ids)
    for batch, vectors in pending_embedded(standby, version_ids):
        with transaction.atomic():
            if not _is_held(standby):
                return False
            vectors_keep(standby, batch, vectors)
    return True


def _is_held(standby: IndexGeneration) -> bool:
    """Whether it is still kept up to date and can be written into, until the transaction ends."""
    rows = IndexGeneration.objects.select_for_update(of=("self",), no_key=True).filter(pk=standby.pk, state__in=KEPT_UP)
    return rows.first() is not None and bool(generations_writable({standby.pk}))
