"""Working on re-indexes: claimed under leases, portion by portion, for a turn at a time, so that nothing waits for long."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.models import Reindex, ReindexState
from apps.retrieval.reindexing.building import portion_build
from apps.retrieval.reindexing.comparing import comparison_begin, comparison_work
from apps.retrieval.reindexing.switching import generation_of, switch_try
from apps.retrieval.reindexing.waiting import reindexes_open
from ragsite.core.errors import PermanentError
from ragsite.core.leased_work import leased_work
from ragsite.core.leases import RELEASED, Claim, lease_release

TURN_SECONDS = 10.0
PAUSE_SECONDS = 1.0


def reindex_work(*, reindex_id: UUID | None = None, seconds: float = TURN_SECONDS) -> bool:
    """Claim a re-index, or the named one, and work on it for about that many seconds; whether there was one to claim."""
    rows = reindexes_open().filter(pk=reindex_id) if reindex_id else reindexes_open()
    until = time.monotonic() + seconds
    return leased_work(rows, lambda claim: _work(claim, until=until), fail=_fail)


def _work(claim: Claim, *, until: float) -> None:
    """Step after step until it rests, waits for somebody else, or the time is over."""
    while _step(claim, seconds=until - time.monotonic()):
        if time.monotonic() > until:
            lease_release(Reindex, claim, claim.ids)
            return
    _held(claim).update(not_before=Now() + timedelta(seconds=PAUSE_SECONDS))
    lease_release(Reindex, claim, claim.ids)


def _step(claim: Claim, *, seconds: float) -> bool:
    """Do what comes next; False where nothing does for now."""
    rows = Reindex.objects.select_related("knowledge_base", "generation__model_version__model", "previous")
    reindex = rows.get(pk=claim.ids[0])
    if reindex.state == ReindexState.BUILDING:
        return portion_build(claim, reindex) or _finish_building(claim, reindex)
    if reindex.state == ReindexState.COMPARING:
        return comparison_work(claim, reindex, seconds=max(seconds, PAUSE_SECONDS))
    if reindex.state == ReindexState.SWITCHING:
        return portion_build(claim, reindex) or not switch_try(reindex.pk, claim=claim)
    return False


def _finish_building(claim: Claim, reindex: Reindex) -> bool:
    """A large generation gets its HNSW index now: searches shall not become slow with the switch."""
    generation_index_if_large(generation_of(reindex))
    comparison_begin(claim)
    return True


def _fail(claim: Claim, error: PermanentError) -> None:
    _held(claim).update(state=ReindexState.FAILED, error=error.sentence, **RELEASED)


def _held(claim: Claim) -> QuerySet[Reindex]:
    return Reindex.objects.filter(pk__in=claim.ids, lease_owner=claim.owner)
