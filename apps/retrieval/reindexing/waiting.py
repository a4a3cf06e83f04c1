"""Re-indexes that a worker works on. Imports no model library: the web process and the sweep ask too."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.retrieval.models import REINDEX_WORKED_ON, Reindex, ReindexState
from ragsite.core.errors import RagError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows

REINDEX = "reindex"
"""The job's name for those who ring."""


class OpenReindexes(LeasedRows):
    """Re-indexes that there is something to do for, the oldest first."""

    model, what = Reindex, "the re-index"

    def open(self) -> QuerySet[Reindex]:
        return Reindex.objects.filter(state__in=REINDEX_WORKED_ON, knowledge_base__deleted_at=None).order_by("id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=ReindexState.FAILED, error=error.sentence, **RELEASED)


REINDEXES = OpenReindexes()
