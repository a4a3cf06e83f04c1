"""Finished runs in MLflow, where it is configured. It never fails a run: the run's note says what went wrong."""

from __future__ import annotations

import csv
import io
import logging
import os
from typing import Any

from django.utils.module_loading import import_string

from apps.retrieval.evaluation.selectors import results_worst_first
from apps.retrieval.models import EvaluationRun
from ragsite.core.configuration import ServerSettings

logger = logging.getLogger(__name__)

CLIENT = "mlflow.tracking.MlflowClient"
"""By name: MLflow is installed only where it is used."""

TAG = "ragsite.run"
NAME_IN_MLFLOW = str.maketrans("@", "_")
BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


def run_log(run: EvaluationRun, metrics: dict[str, Any]) -> str:
    """Log parameters, metrics and the table of questions; "" when that was done or nothing is configured, else why not.

    A run that was logged before, by a worker that died right after, is not logged again.
    """
    uri = ServerSettings.current().mlflow_tracking_uri
    if not uri:
        return ""
    _prepare(uri)
    try:
        client = import_string(CLIENT)(tracking_uri=uri)
        _log(client, run, metrics)
    except Exception as error:
        logger.warning("the evaluation run %s was not logged to MLflow", run.pk, exc_info=True)
        return f"Not logged to MLflow: {type(error).__name__}: {' '.join(str(error).split())[:500]}"
    return ""


def questions_csv(run: EvaluationRun) -> str:
    """The results of a run as CSV, the worst first."""
    out = io.StringIO()
    writer: Any = None
    for result in results_worst_first(run).iterator(chunk_size=500):
        row = {"question": result.text, **result.metrics, "milliseconds": round(result.milliseconds, 2)}
        if writer is None:
            writer = csv.DictWriter(out, fieldnames=list(row))
            writer.writeheader()
        writer.writerow(row)
    return out.getvalue()


def _prepare(uri: str) -> None:
    """MLflow is steered by the environment: no report to its makers, no endless retries, and a folder where one is named."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name, value in BOUNDS.items():
        os.environ.setdefault(name, value)
    if uri.startswith("file:") or "://" not in uri:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")


def _log(client: Any, run: EvaluationRun, metrics: dict[str, Any]) -> None:
    experiment = _experiment(client, f"ragsite: {run.evaluation_set.knowledge_base} / {run.evaluation_set}")
    known = client.search_runs([experiment], f"tags.`{TAG}` = '{run.pk}' and attributes.status = 'FINISHED'")
    if known:
        return
    logged = client.create_run(experiment, run_name=str(run), tags={TAG: str(run.pk)}).info.run_id
    for name, value in _parameters(run).items():
        client.log_param(logged, name, value)
    for name, value in metrics.items():
        client.log_metric(logged, name.translate(NAME_IN_MLFLOW), float(value))
    client.log_text(logged, questions_csv(run), "questions.csv")
    client.set_terminated(logged)


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _parameters(run: EvaluationRun) -> dict[str, Any]:
    return {
        "evaluation_set": str(run.evaluation_set_id),
        "knowledge_base": str(run.evaluation_set.knowledge_base_id),
        "generation": run.generation_id,
        "mode": run.mode,
        "rerank": run.rerank,
        "k": run.k,
        "depth": run.depth,
        **run.parameters,
    }
