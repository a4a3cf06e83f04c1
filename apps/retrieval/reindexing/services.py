"""What can happen to a re-index: started, resumed, switched, rolled back, cancelled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings, InvalidChunkingError
from apps.documents.models import Document, DocumentVersion, KnowledgeBase, PartsBy, VersionStatus
from apps.documents.rights.access import told_of_all
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_live, parts_in
from apps.retrieval.index.partitions import partition_create
from apps.retrieval.index.stores.choosing import collection_named, store_chosen
from apps.retrieval.models import (
    KEPT_UP,
    REINDEX_ENDED,
    GenerationState,
    IndexGeneration,
    Reindex,
    ReindexState,
    SwitchMode,
    VectorStore,
)
from apps.retrieval.reindexing.comparing import comparison_end
from apps.retrieval.reindexing.dropping import SECONDS, generation_discard, knowledge_base_hold
from apps.retrieval.reindexing.planning import check_fits, planned_whole
from apps.retrieval.reindexing.switching import switch_try
from apps.retrieval.reindexing.waiting import REINDEX
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import ConflictError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED
from ragsite.core.work import Turn
from ragsite.gateway.keys import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexRequest:
    """The model and chunking to build with, and whether the switch is automatic or manual.

    `margin` is how far nDCG@10 may fall, on any evaluation set, before an automatic switch is refused. `parts` is by what the new
    generation is kept in parts; None: as the knowledge base says.
    """

    model: EmbeddingModel
    chunking: ChunkingSettings
    switch: SwitchMode = SwitchMode.AUTO
    margin: float = 0.02
    parts: PartsBy | None = None


def reindex_open(knowledge_base: KnowledgeBase) -> Reindex | None:
    """The re-index of the knowledge base that has not ended."""
    rows = Reindex.objects.select_related("knowledge_base", "generation__model_version__model", "previous")
    return rows.filter(knowledge_base=knowledge_base).exclude(state__in=REINDEX_ENDED).first()


def reindex_start(
    knowledge_base: KnowledgeBase, request: ReindexRequest, *, actor: Actor, principal: Principal | None = None
) -> Reindex:
    """Begin to build a generation beside the live one, and wake a worker. It takes in documents that are hidden from the caller
    too, and names none of them; without a principal nothing is hidden.

    Raises:
        ConflictError: there is nothing to re-index, nothing would change, another re-index has not ended, or parts are asked for
            where vectors are searched in another store.
        InvalidChunkingError: a document's own chunking is invalid together with the new one.
        PermanentError: (code `chunks_too_long`) the model would not read the present chunks to their end.
        TransientError: (code `busy`) the table of vectors is in use.
    """
    live = live_generation(knowledge_base)
    store = store_chosen(knowledge_base)
    request = replace(request, parts=_parts_asked(knowledge_base, request, store))
    as_asked = (request.model.version_id, request.chunking.key, store, request.parts)
    if (live.model_version_id, live.chunking_key, live.store, live.parts) == as_asked:
        raise ConflictError(
            f"{knowledge_base.name!r} is indexed by {request.model.name} with this chunking already.",
            action="Name another model, other chunking or other parts, or set another vector store.",
        )
    check_fits(live, request.model, request.chunking, chunks=planned_whole(live).chunks(live.chunking_key))
    _check_overrides(knowledge_base, request.chunking, principal)
    try:
        with transaction.atomic():
            knowledge_base_hold(knowledge_base.pk)
            _check_not_dropping(live, request.chunking)
            return _start(live, request, store, actor)
    except IntegrityError as error:
        raise _not_ended(knowledge_base) from error


def _parts_asked(knowledge_base: KnowledgeBase, request: ReindexRequest, store: VectorStore) -> PartsBy:
    asked = request.parts or PartsBy.NONE
    if asked is not parts_in(store, asked):
        raise ConflictError(
            f"The vectors of {knowledge_base.name!r} are searched in {store.label}, where they are not kept in parts.",
            action="Set PostgreSQL as its vector store first, or name no parts.",
        )
    return parts_in(store, request.parts or knowledge_base.parts)


def _start(live: IndexGeneration, request: ReindexRequest, store: VectorStore, actor: Actor) -> Reindex:
    generation = IndexGeneration.objects.create(
        knowledge_base_id=live.knowledge_base_id,
        model_version_id=request.model.version_id,
        chunking=request.chunking.to_stored(),
        chunking_key=request.chunking.key,
        dimensions=request.model.dimensions,
        state=GenerationState.BUILDING,
        store=store,
        collection=collection_named(store),
        parts=request.parts or PartsBy.NONE,
    )
    reindex = Reindex.objects.create(
        knowledge_base_id=live.knowledge_base_id,
        generation=generation,
        previous=live,
        switch=request.switch,
        margin=request.margin,
        asked_by=actor.text,
        actor=actor.as_dict(),
        chunk_total=_chunks(live.knowledge_base_id),
    )
    partition_create(generation)
    ring(REINDEX)
    return reindex


def reindex_resume(knowledge_base: KnowledgeBase, *, actor: Actor) -> Reindex:
    """Resume a re-index that failed where it stopped; one that is running is left alone.

    Raises:
        ConflictError: all have ended.
    """
    with transaction.atomic():
        reindex = _locked(knowledge_base, *ReindexState)
        if reindex.state == ReindexState.FAILED:
            reindex.state = ReindexState.SWITCHING if reindex.is_rollback else ReindexState.BUILDING
            Reindex.objects.filter(pk=reindex.pk).update(state=reindex.state, attempts=0, error="", not_before=Now())
        ring(REINDEX)
        change_log(f"the re-index {reindex.pk} was resumed", actor=actor, action="reindex.resumed", of=knowledge_base)
    return _anew(reindex)


def reindex_switch(knowledge_base: KnowledgeBase, *, actor: Actor) -> Reindex:
    """Switch to a generation that is ready, or that was refused: at once, or as soon as it is brought up to date.

    Raises:
        ConflictError: there is none.
    """
    with transaction.atomic():
        reindex = _locked(knowledge_base, ReindexState.READY, ReindexState.REFUSED)
        Reindex.objects.filter(pk=reindex.pk).update(
            state=ReindexState.SWITCHING, switched_by=actor.text, actor=actor.as_dict(), attempts=0, not_before=Now()
        )
        ring(REINDEX)
    switch_try(reindex.pk)
    return _anew(reindex)


def reindex_rollback(knowledge_base: KnowledgeBase, *, actor: Actor) -> Reindex:
    """Switch back to the previous generation: at once, or as soon as it is brought up to date.

    Raises:
        ConflictError: none is kept, or a re-index has not ended.
    """
    live = live_generation(knowledge_base)
    try:
        with transaction.atomic():
            reindex = _rollback(live, actor)
    except IntegrityError as error:
        raise _not_ended(knowledge_base) from error
    switch_try(reindex.pk)
    return _anew(reindex)


def _rollback(live: IndexGeneration, actor: Actor) -> Reindex:
    knowledge_base_hold(live.knowledge_base_id)
    target = _kept(IndexGeneration.objects.select_for_update(of=("self",), no_key=True), live.knowledge_base_id)
    IndexGeneration.objects.filter(pk=target.pk).update(state=GenerationState.BUILDING)
    reindex = Reindex.objects.create(
        knowledge_base_id=live.knowledge_base_id, generation=target, previous=live, is_rollback=True,
        state=ReindexState.SWITCHING, is_walked=True, asked_by=actor.text, switched_by=actor.text,
        actor=actor.as_dict(),
    )  # fmt: skip
    ring(REINDEX)
    return reindex


def reindex_cancel(knowledge_base: KnowledgeBase, *, actor: Actor) -> Reindex:
    """End a re-index that has not switched. What it built is removed; a generation that answered before is kept.

    Raises:
        ConflictError: all have ended.
        TransientError: (code `busy`) the table of vectors is in use.
    """
    with transaction.atomic():
        knowledge_base_hold(knowledge_base.pk)
        reindex = _locked(knowledge_base, *ReindexState)
        generation = reindex.generation
        Reindex.objects.filter(pk=reindex.pk).update(
            state=ReindexState.CANCELLED, ended_at=Now(), actor=actor.as_dict(), **RELEASED
        )
        if generation is not None and generation.retired_at is not None:
            IndexGeneration.objects.filter(pk=generation.pk).update(state=GenerationState.RETIRED)
        elif generation is not None:
            comparison_end(generation, reason="The re-index was cancelled.")
            IndexGeneration.objects.filter(pk=generation.pk).update(state=GenerationState.DROPPED)
    if generation is not None and generation.retired_at is None:
        generation_discard(generation.pk, Turn.of(SECONDS))
    return _anew(reindex)


def reindex_foreseen(knowledge_base: KnowledgeBase, *states: ReindexState) -> Reindex:
    """The re-index that has not ended, if it is in one of these states: what resuming, switching or cancelling is about.

    Raises:
        ConflictError: there is none.
    """
    return _in_state(Reindex.objects.select_related("generation"), knowledge_base, states)


def rollback_foreseen(knowledge_base: KnowledgeBase) -> IndexGeneration:
    """The generation that a rollback would switch back to.

    Raises:
        ConflictError: none is kept, or a re-index has not ended.
    """
    target = _kept(IndexGeneration.objects.all(), live_generation(knowledge_base).knowledge_base_id)
    if reindex_open(knowledge_base) is not None:
        raise _not_ended(knowledge_base)
    return target


def _kept(rows: QuerySet[IndexGeneration], knowledge_base_id: UUID) -> IndexGeneration:
    kept = rows.filter(knowledge_base=knowledge_base_id, retired_at__isnull=False)
    target = kept.filter(state__in=[GenerationState.RETIRED, *KEPT_UP]).order_by("-retired_at").first()
    if target is None:
        raise ConflictError("No earlier generation is kept.", action="Start a re-index with the model you want.")
    return target


def live_generation(knowledge_base: KnowledgeBase) -> IndexGeneration:
    """The generation that answers.

    Raises:
        ConflictError: there is none yet.
    """
    live = generation_live(knowledge_base)
    if live is None:
        raise ConflictError(f"{knowledge_base.name!r} has no index yet.", action="Upload documents first.")
    return live


def _chunks(knowledge_base_id: UUID) -> int:
    ready = DocumentVersion.objects.filter(
        document__knowledge_base=knowledge_base_id, document__deleted_at=None, status=VersionStatus.READY
    )
    return int(ready.aggregate(total=Sum("chunk_count"))["total"] or 0)


def _check_overrides(knowledge_base: KnowledgeBase, chunking: ChunkingSettings, principal: Principal | None) -> None:
    """What a document sets itself must be possible with the new settings too."""
    own = Document.objects.filter(knowledge_base=knowledge_base, deleted_at=None).exclude(chunking={})
    for title, override in own.values_list("title", "chunking"):
        try:
            chunking.overridden(override)
        except InvalidChunkingError as error:
            which = repr(title) if told_of_all(principal, knowledge_base) else "A document"
            raise InvalidChunkingError(f"{which} has chunking of its own: {error.message}") from error


def _check_not_dropping(live: IndexGeneration, chunking: ChunkingSettings) -> None:
    """Chunks that are being removed would vanish from under the new generation."""
    dropped = IndexGeneration.objects.filter(
        knowledge_base=live.knowledge_base_id, chunking_key=chunking.key, state=GenerationState.DROPPED
    )
    if chunking.key != live.chunking_key and dropped.exists():
        raise ConflictError(
            "A generation of the same chunking is being removed.", action="Try again in a few minutes.", retry_after=60
        )


def _locked(knowledge_base: KnowledgeBase, *states: ReindexState) -> Reindex:
    rows = Reindex.objects.select_for_update(of=("self",), no_key=True).select_related("generation")
    return _in_state(rows, knowledge_base, states)


def _in_state(rows: QuerySet[Reindex], knowledge_base: KnowledgeBase, states: Collection[ReindexState]) -> Reindex:
    found = rows.filter(knowledge_base=knowledge_base).exclude(state__in=REINDEX_ENDED).first()
    if found is None:
        raise ConflictError(f"No re-index of {knowledge_base.name!r} is under way.", action="Start one.")
    if found.state not in states:
        wanted = " or ".join(state.value for state in states)
        raise ConflictError(
            f"The re-index of {knowledge_base.name!r} is {found.state}, not {wanted}.",
            action="Wait for it, or cancel it.",
        )
    return found


def _not_ended(knowledge_base: KnowledgeBase) -> ConflictError:
    return ConflictError(
        f"A re-index of {knowledge_base.name!r} has not ended.", action="Resume it, let it switch, or cancel it first."
    )


def _anew(reindex: Reindex) -> Reindex:
    rows = Reindex.objects.select_related("knowledge_base", "generation__model_version__model", "previous")
    return rows.get(pk=reindex.pk)
