"""The job that logs experiments to MLflow. Whoever evaluates, re-indexes or activates does not wait for it."""

from __future__ import annotations

import logging

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.retrieval.evaluation.experiments.mlflow import experiment_log
from apps.retrieval.evaluation.experiments.noting import EXPERIMENTS, experiments_retry, is_logged_anywhere
from apps.retrieval.evaluation.experiments.told import experiment_told
from apps.retrieval.models import EvaluationRun, ExperimentEntry, ExperimentState
from ragsite.core.errors import ConfigurationError, RagError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Turn, rows_work

logger = logging.getLogger(__name__)


def experiment_work(claim: Claim, turn: Turn) -> None:
    """Log the claimed entry.

    Raises:
        ConfigurationError: no MLflow is set up any more, or its client is not installed.
        MlflowUnavailableError: it could not be logged.
    """
    entry = _entries().get(pk=claim.ids[0])
    if not is_logged_anywhere():
        raise ConfigurationError("No MLflow is set up any more.", action="Set RAGSITE_MLFLOW_TRACKING_URI.")
    told = experiment_told(entry)
    try:
        logged = experiment_log(told)
    except RagError as error:
        logger.warning("%s was not logged to MLflow: %s", told.name, error.message)
        raise
    EXPERIMENTS.held(claim).update(
        state=ExperimentState.LOGGED, mlflow_experiment=logged.experiment, mlflow_run=logged.run, error="", ended_at=Now(),
        attempts=0, **RELEASED,
    )  # fmt: skip
    experiments_retry()


def run_log(run: EvaluationRun, turn: Turn) -> str:
    """Log an evaluation run in this process, where no worker may be; why it was not, or ""."""
    rows_work(EXPERIMENTS, experiment_work, turn=turn, among=Q(run=run))
    return ExperimentEntry.objects.filter(run=run).values_list("error", flat=True).first() or ""


def _entries() -> QuerySet[ExperimentEntry]:
    """With all that is told of them."""
    return ExperimentEntry.objects.select_related(
        "run__evaluation_set__knowledge_base", "run__generation__model_version__model", "version__model",
        "reindex__knowledge_base", "reindex__generation__model_version__model", "reindex__previous__model_version__model",
    )  # fmt: skip
