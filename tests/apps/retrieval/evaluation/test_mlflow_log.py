from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from apps.retrieval.evaluation import mlflow_log
from apps.retrieval.evaluation.mlflow_log import run_log
from apps.retrieval.models import EvaluationSet, RunState
from tests.apps.retrieval.evaluation.asking import asked, done, library

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> EvaluationSet:
    return asked(library())


@pytest.fixture
def store(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a store of files, which is the one that runs are logged to."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    tracking = pytest.importorskip("mlflow.tracking")
    settings.RAGSITE_MLFLOW_TRACKING_URI = (tmp_path / "mlruns").as_uri()
    return tracking.MlflowClient(tracking_uri=settings.RAGSITE_MLFLOW_TRACKING_URI)


def logged(store: Any) -> list[Any]:
    return [run for one in store.search_experiments() for run in store.search_runs([one.experiment_id])]


def test_a_finished_run_is_logged_with_parameters_metrics_and_its_questions(store: Any, made: EvaluationSet) -> None:
    run = done(made)
    assert (run.state, run.note) == (RunState.DONE, "")
    (there,) = logged(store)
    assert there.info.status == "FINISHED"
    assert there.data.tags["ragsite.run"] == str(run.pk)
    assert there.data.params["mode"] == "hybrid"
    assert there.data.params["fusion"] == "convex"
    assert there.data.params["chunks"] == "3"
    assert there.data.metrics["ndcg_10"] == run.metrics["ndcg@10"]
    assert there.data.metrics["p50_ms"] == run.metrics["p50_ms"]
    (table,) = store.list_artifacts(there.info.run_id)
    path = Path(there.info.artifact_uri.removeprefix("file://"), table.path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert {row["question"] for row in rows} == set(made.questions.values_list("text", flat=True))
    assert {row["map"] for row in rows} == {"1.0"}


def test_a_run_is_logged_once_also_when_its_worker_died_right_after(store: Any, made: EvaluationSet) -> None:
    run = done(made)
    assert run_log(run, run.metrics) == ""
    assert len(logged(store)) == 1


def test_without_the_setting_nothing_is_imported(
    made: EvaluationSet, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RAGSITE_MLFLOW_TRACKING_URI = ""
    monkeypatch.setattr(mlflow_log, "CLIENT", "there.is.no.such.Thing")
    assert done(made).note == ""


@pytest.mark.parametrize("client", ["there.is.no.such.Thing", mlflow_log.CLIENT], ids=["not installed", "no server"])
def test_a_failing_mlflow_is_reported_in_the_note_and_fails_nothing(
    made: EvaluationSet, settings: Any, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    settings.RAGSITE_MLFLOW_TRACKING_URI = "http://127.0.0.1:9"
    monkeypatch.setattr(mlflow_log, "CLIENT", client)
    run = done(made)
    assert (run.state, run.metrics["map"]) == (RunState.DONE, 1)
    assert run.note.startswith("Not logged to MLflow: ")
