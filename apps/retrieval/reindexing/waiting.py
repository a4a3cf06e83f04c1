"""Which re-indexes wait for a worker. Imports no model library: the web process and the sweep ask too."""

from __future__ import annotations

from django.conf import settings
from django.db.models import QuerySet

from apps.retrieval.models import REINDEX_WORKED_ON, Reindex, ReindexState
from ragsite.core.leases import claimable

REINDEX = "reindex"
"""The job's name for those who ring."""


def reindexes_open() -> QuerySet[Reindex]:
    """Re-indexes that there is something to do for, claimed or not, the oldest first."""
    return Reindex.objects.filter(state__in=REINDEX_WORKED_ON, knowledge_base__deleted_at=None).order_by("id")


def reindexes_waiting() -> QuerySet[Reindex]:
    """Re-indexes that a worker could claim now, the oldest first."""
    return reindexes_open().filter(claimable(), attempts__lt=settings.RAGSITE_MAX_ATTEMPTS)


def reindexes_give_up() -> int:
    """Fail the re-indexes whose worker died as often as one may be started without progress; the number of them."""
    spent = list(reindexes_open().filter(claimable(), attempts__gte=settings.RAGSITE_MAX_ATTEMPTS)[:100])
    for reindex in spent:
        last = f" The last reason: {reindex.error}" if reindex.error else ""
        text = f"The worker died or gave up {settings.RAGSITE_MAX_ATTEMPTS} times without progress.{last}"
        reindexes_open().filter(claimable(), pk=reindex.pk).update(state=ReindexState.FAILED, error=text)
    return len(spent)
