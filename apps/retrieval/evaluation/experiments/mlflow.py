"""The door to MLflow. It is installed only where it is used, and never waited for long."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from apps.retrieval.evaluation.experiments.told import ToldExperiment
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import ConfigurationError, ServiceUnavailableError

CLIENT = "mlflow.tracking"
"""By name: MLflow is installed only where it is used."""

BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
LONGEST_VALUE = 6_000
"""Characters of a parameter that MLflow takes."""

_LOGIN = re.compile(r"//[^/@\s]+@")


class MlflowUnavailableError(ServiceUnavailableError):
    """MLflow does not answer, or refuses; seen on the page of what was to be logged."""

    action = "It is tried again automatically."


@dataclass(frozen=True, slots=True)
class Logged:
    """Where something is in MLflow, by the ids of its experiment and run."""

    experiment: str
    run: str


def experiment_log(told: ToldExperiment) -> Logged:
    """Log it, or bring up to date what was logged of it before.

    Raises:
        ConfigurationError: MLflow's client is not installed.
        MlflowUnavailableError: it could not be logged.
    """
    uri = ServerSettings.current().mlflow_tracking_uri
    _prepare(uri)
    try:
        client = import_module(CLIENT).MlflowClient(tracking_uri=uri)
        return _log(client, told)
    except ImportError as error:
        raise ConfigurationError(
            "MLflow's client is not installed with the model workers.", action="Install requirements/mlflow.in there."
        ) from error
    except Exception as error:
        why = _LOGIN.sub("//", " ".join(str(error).split()))[:500]
        raise MlflowUnavailableError(f"MLflow did not take it: {type(error).__name__}: {why}") from error


def run_url(experiment: str, run: str) -> str:
    """Where people open a run; "" where MLflow has no pages, as of a folder. Without the login that is logged by."""
    settings = ServerSettings.current()
    root = _LOGIN.sub("//", settings.mlflow_url or settings.mlflow_tracking_uri).rstrip("/")
    return f"{root}/#/experiments/{experiment}/runs/{run}" if run and root.startswith("http") else ""


def _prepare(uri: str) -> None:
    """MLflow is steered by the environment: no report to its makers, no endless retries, and a folder where one is named."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for name, value in BOUNDS.items():
        os.environ.setdefault(name, value)
    if uri.startswith("file:") or "://" not in uri:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")


def _log(client: Any, told: ToldExperiment) -> Logged:
    experiment = _experiment(client, told.experiment)
    run = _run(client, experiment, told)
    for name, value in _tags(told).items():
        client.set_tag(run, name, value)
    for name, figure in told.metrics.items():
        client.log_metric(run, name, figure)
    for name, text in told.files.items():
        client.log_text(run, text, name)
    client.set_terminated(run)
    return Logged(experiment, run)


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _run(client: Any, experiment: str, told: ToldExperiment) -> str:
    """The run of that identity, made with its parameters if it is new: they never change."""
    tag, value = told.identity
    if known := client.search_runs([experiment], f"tags.`{tag}` = '{value}'"):
        run = str(known[0].info.run_id)
    else:
        run = str(client.create_run(experiment, run_name=told.name, tags={tag: value}).info.run_id)
    for name, one in told.parameters.items():
        client.log_param(run, name, str(one)[:LONGEST_VALUE])
    return run


def _tags(told: ToldExperiment) -> dict[str, str]:
    link = {"ragsite.url": told.page, "mlflow.note.content": f"[In ragsite]({told.page})"} if told.page else {}
    return {**told.tags, **link}
