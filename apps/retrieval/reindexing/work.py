"""Working on re-indexes: claimed under leases, portion by portion, for a turn at a time, so that nothing waits for long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.index.stores.ledger import stored_waiting
from apps.retrieval.models import Reindex, ReindexState
from apps.retrieval.reindexing.building import portion_build
from apps.retrieval.reindexing.comparing import comparison_begin, comparison_work
from apps.retrieval.reindexing.switching import generation_of, switch_try
from apps.retrieval.reindexing.waiting import REINDEXES
from ragsite.core.errors import TransientError
from ragsite.core.leases import Claim
from ragsite.core.work import Turn

PAUSE_SECONDS = 1.0


def reindex_work(claim: Claim, turn: Turn) -> None:
    """Do step after step of the claimed re-index until it rests, waits for somebody else, or the turn is over.

    Raises:
        LeaseLostError: somebody else took over, or ended it.
        PermanentError: it cannot go on; the message says what to do.
        TransientError: a model is away, or a document's chunking was changed meanwhile.
    """
    while _step(claim, turn):
        if turn.is_over():
            return
    REINDEXES.held(claim).update(not_before=Now() + timedelta(seconds=PAUSE_SECONDS))


def _step(claim: Claim, turn: Turn) -> bool:
    """Do what comes next; False where nothing does for now."""
    rows = Reindex.objects.select_related("knowledge_base", "generation__model_version__model", "previous")
    reindex = rows.get(pk=claim.ids[0])
    if reindex.state == ReindexState.BUILDING:
        return portion_build(claim, reindex) or _finish_building(claim, reindex)
    if reindex.state == ReindexState.COMPARING:
        return comparison_work(claim, reindex, turn)
    if reindex.state == ReindexState.SWITCHING:
        return portion_build(claim, reindex) or _finish_switching(claim, reindex)
    return False


def _finish_building(claim: Claim, reindex: Reindex) -> bool:
    """A large generation gets its HNSW index now: searches shall not become slow with the switch."""
    if _store_waits(claim, reindex):
        return False
    generation_index_if_large(generation_of(reindex))
    comparison_begin(claim)
    return True


def _finish_switching(claim: Claim, reindex: Reindex) -> bool:
    """Whether to look once more at once: something came in meanwhile."""
    return not _store_waits(claim, reindex) and not switch_try(reindex.pk, claim=claim)


def _store_waits(claim: Claim, reindex: Reindex) -> bool:
    """Whether a store beside PostgreSQL is still to be told of vectors; the re-index says so, and is looked at again later."""
    waiting = stored_waiting(generation_of(reindex))
    if waiting:
        REINDEXES.held(claim).update(attempts=1, error=_behind(waiting).sentence)
    return bool(waiting)


def _behind(documents: int) -> TransientError:
    return TransientError(
        f"The vector store does not have the vectors of {documents} documents yet.", action="It is told automatically."
    )
