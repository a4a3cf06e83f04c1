"""Working on re-indexes: claimed under leases, portion by portion, for a turn at a time, so that nothing waits for long."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.models import Reindex, ReindexState
from apps.retrieval.reindexing.building import portion_build
from apps.retrieval.reindexing.comparing import comparison_begin, comparison_work
from apps.retrieval.reindexing.switching import generation_of, switch_try
from apps.retrieval.reindexing.waiting import REINDEXES
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
        return portion_build(claim, reindex) or not switch_try(reindex.pk, claim=claim)
    return False


def _finish_building(claim: Claim, reindex: Reindex) -> bool:
    """A large generation gets its HNSW index now: searches shall not become slow with the switch."""
    generation_index_if_large(generation_of(reindex))
    comparison_begin(claim)
    return True
