"""What is to be logged, noted in the transaction of what happened. A job logs it: nothing waits for MLflow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from apps.models.models import ModelStatus, ModelVersion
from apps.retrieval.models import EvaluationRun, ExperimentEntry, ExperimentState
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.locking import rows_update
from ragsite.core.work import LeasedRows, Turn

EXPERIMENT = "experiment"
"""The job's name for those who ring."""

AGAIN = {"state": ExperimentState.WAITING, "attempts": 0, "error": "", "not_before": Now(), "ended_at": None}
REST = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=30)
AT_ONCE = 500


class OpenExperiments(LeasedRows):
    """Entries that wait to be logged, the oldest first."""

    model, what = ExperimentEntry, "the experiment"

    def open(self) -> QuerySet[ExperimentEntry]:
        return ExperimentEntry.objects.filter(state=ExperimentState.WAITING).order_by("id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=ExperimentState.FAILED, error=error.sentence, ended_at=Now(), **RELEASED)


EXPERIMENTS = OpenExperiments()


def is_logged_anywhere() -> bool:
    """Whether there is an MLflow to log to."""
    return bool(ServerSettings.current().mlflow_tracking_uri)


def run_note(run: EvaluationRun) -> None:
    """Have an evaluation run logged that has ended."""
    _note(run_id=run.pk)


def reindex_note(reindex_id: UUID) -> None:
    """Have a re-index logged, or what became of it since."""
    _note(reindex_id=reindex_id)


def experiments_follow(turn: Turn) -> bool:
    """Note versions of models that came into use, and let what could not be logged be tried again. Nothing is left."""
    if not is_logged_anywhere():
        return False
    for version in versions_unnoted():
        ExperimentEntry.objects.create(version=version)
        ring(EXPERIMENT)
    experiments_retry(limit=1)
    return False


def versions_unnoted() -> QuerySet[ModelVersion]:
    """Versions in use of models of which another one was noted last, or none."""
    of_model = ExperimentEntry.objects.filter(version__model=OuterRef("model")).order_by("-id")
    active = ModelVersion.objects.filter(status=ModelStatus.ACTIVE).annotate(
        noted=Subquery(of_model.values("version")[:1])
    )
    return active.filter(Q(noted=None) | ~Q(noted=F("pk"))).order_by("pk")


def experiments_retry(*, limit: int = AT_ONCE) -> None:
    """Let entries that failed be tried again, after a rest and for a month: one at a time, and all once one was logged."""
    failed = ExperimentEntry.objects.filter(
        state=ExperimentState.FAILED, ended_at__lt=Now() - REST, created_at__gt=Now() - GIVEN_UP_AFTER
    )
    rested = list(failed.order_by("ended_at").values_list("pk", flat=True)[:limit])
    if rested:
        rows_update(ExperimentEntry.objects.filter(pk__in=rested, state=ExperimentState.FAILED), **AGAIN)
        ring(EXPERIMENT)


def _note(**of: Any) -> None:
    if not is_logged_anywhere():
        return
    if not ExperimentEntry.objects.filter(**of).update(**AGAIN):
        ExperimentEntry.objects.create(**of)
    ring(EXPERIMENT)
