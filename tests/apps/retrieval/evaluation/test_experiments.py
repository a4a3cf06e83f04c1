from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from apps.models.models import ModelVersion
from apps.retrieval.evaluation.experiments import mlflow as door
from apps.retrieval.evaluation.experiments.mlflow import run_url
from apps.retrieval.evaluation.experiments.noting import EXPERIMENTS, experiments_follow, reindex_note
from apps.retrieval.evaluation.significance import mean_intervals
from apps.retrieval.models import (
    EvaluationSet,
    ExperimentEntry,
    ExperimentState,
    GenerationState,
    IndexGeneration,
    Reindex,
    RunState,
)
from ragsite.core.admin.base import row_url
from tests import factories as make
from tests import turns
from tests.apps.retrieval.evaluation.asking import asked, done, library

database = pytest.mark.django_db
AWAY = "http://user:secret@127.0.0.1:9"


@pytest.fixture
def made(db: None) -> EvaluationSet:
    return asked(library())


@pytest.fixture
def store(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a store of files, which is the one that is logged to."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    tracking = pytest.importorskip("mlflow.tracking")
    settings.RAGSITE_MLFLOW_TRACKING_URI = (tmp_path / "mlruns").as_uri()
    settings.RAGSITE_PUBLIC_URL = "https://rag.example.org"
    return tracking.MlflowClient(tracking_uri=settings.RAGSITE_MLFLOW_TRACKING_URI)


def logged(store: Any) -> list[Any]:
    return [run for one in store.search_experiments() for run in store.search_runs([one.experiment_id])]


def worked() -> ExperimentEntry:
    while make.work_once("experiment"):
        pass
    return ExperimentEntry.objects.latest("id")


def test_the_interval_of_a_mean_holds_it_and_is_narrower_for_more_rows() -> None:
    ((low, high), (same_low, same_high)) = mean_intervals([[0.0, 0.5], [1.0, 0.5], [1.0, 0.5], [0.0, 0.5]])
    assert 0 <= low < 0.5 < high <= 1
    assert (same_low, same_high) == (0.5, 0.5)
    ((nearer, farther),) = mean_intervals([[float(number % 2)] for number in range(400)])
    assert high - low > 3 * (farther - nearer)
    assert 0.44 < nearer < 0.5 < farther < 0.56, "the normal interval is 0.451 to 0.549"


def test_a_finished_run_is_logged_by_a_job_with_its_model_figures_intervals_and_questions(
    store: Any, made: EvaluationSet, admin_client: Client
) -> None:
    run = done(made)
    assert (run.state, logged(store)) == (RunState.DONE, [])
    assert worked().state == ExperimentState.LOGGED
    (there,) = logged(store)
    version = run.generation.model_version
    assert there.info.status == "FINISHED"
    assert there.data.tags["ragsite.run"] == str(run.pk)
    assert there.data.tags["ragsite.url"] == f"https://rag.example.org{row_url(run)}"
    assert there.data.params.items() >= {
        "mode": "hybrid", "fusion": "convex", "chunks": "3", "model_name": version.model.name,
        "model_revision": version.revision, "model_sha256": version.sha256,
    }.items()  # fmt: skip
    assert there.data.metrics["ndcg_10"] == run.metrics["ndcg@10"]
    assert there.data.metrics["ndcg_10_low"] <= there.data.metrics["ndcg_10"] <= there.data.metrics["ndcg_10_high"]
    assert there.data.metrics["p50_ms"] == run.metrics["p50_ms"]
    (table,) = store.list_artifacts(there.info.run_id)
    path = Path(there.info.artifact_uri.removeprefix("file://"), table.path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert {row["question"] for row in rows} == set(made.questions.values_list("text", flat=True))
    assert f"Logged to MLflow as run {there.info.run_id}." in admin_client.get(row_url(run)).content.decode()


def test_what_was_logged_before_is_brought_up_to_date_and_not_logged_again(store: Any, made: EvaluationSet) -> None:
    done(made)
    first = worked()
    ExperimentEntry.objects.update(state="waiting", mlflow_run="")
    assert worked().mlflow_run == first.mlflow_run
    assert len(logged(store)) == 1


def test_a_re_index_is_logged_with_what_its_comparison_said(store: Any, made: EvaluationSet) -> None:
    before, after = done(made), done(made)
    live = IndexGeneration.objects.get(state=GenerationState.LIVE)
    pair = {"set": "Set: 1", "before_run": str(before.pk), "after_run": str(after.pk)}
    reindex = Reindex.objects.create(
        knowledge_base=made.knowledge_base, previous=live, generation=live, state="ready", asked_by="ada",
        comparison=[pair | {"before": 0.75, "after": 1.0, "p": 0.5, "questions": 3}],
    )  # fmt: skip
    reindex_note(reindex.pk)
    assert worked().reindex == reindex
    (there,) = [one for one in logged(store) if "ragsite.reindex" in one.data.tags]
    assert there.data.tags["ragsite.state"] == "ready"
    assert there.data.metrics.items() >= {
        "Set_ 1/ndcg_10_before": 0.75, "Set_ 1/ndcg_10_after": 1.0, "Set_ 1/ndcg_10_difference": 0.25,
        "Set_ 1/ndcg_10_difference_low": 0.0, "Set_ 1/ndcg_10_difference_high": 0.0, "Set_ 1/ndcg_10_p": 0.5,
    }.items()  # fmt: skip
    assert there.data.params["after_revision"] == live.model_version.revision
    Reindex.objects.update(state="switched")
    reindex_note(reindex.pk)
    worked()
    (there,) = [one for one in logged(store) if "ragsite.reindex" in one.data.tags]
    assert there.data.tags["ragsite.state"] == "switched"


@database
def test_a_version_that_comes_into_use_is_logged_once_and_again_when_it_comes_back(store: Any) -> None:
    make.ready_version()
    version = ModelVersion.objects.get(status="active", kind="embedding")
    for _ in range(2):
        experiments_follow(turns.long())
    worked()
    mine = [one for one in logged(store) if one.data.tags["ragsite.version"] == str(version.pk)]
    assert [one.data.params["model_sha256"] for one in mine] == [version.sha256]
    version.pk, version.revision, version.status = None, "f" * 40, "retired"
    ModelVersion.objects.filter(status="active", kind="embedding").update(status="retired")
    other = ModelVersion.objects.create(**_columns(version), status="active")
    experiments_follow(turns.long())
    worked()
    (second,) = [one for one in logged(store) if one.data.tags["ragsite.version"] == str(other.pk)]
    assert second.data.params["before_sha256"] == version.sha256
    ModelVersion.objects.filter(pk=other.pk).update(status="retired")
    ModelVersion.objects.filter(kind="embedding").exclude(pk=other.pk).update(status="active")
    experiments_follow(turns.long())
    assert ExperimentEntry.objects.filter(version__model=other.model_id).count() == 3


def _columns(version: ModelVersion) -> dict[str, Any]:
    names = ("model", "kind", "revision", "source", "path", "sha256", "dimensions", "max_tokens")
    return {name: getattr(version, name) for name in names}


def test_without_the_setting_nothing_is_noted(made: EvaluationSet, settings: Any) -> None:
    settings.RAGSITE_MLFLOW_TRACKING_URI = ""
    done(made)
    experiments_follow(turns.long())
    assert not ExperimentEntry.objects.exists()


@pytest.mark.parametrize("client", ["there.is.no.such.module", door.CLIENT], ids=["not installed", "no server"])
def test_an_mlflow_that_fails_fails_nothing_and_is_told_on_the_page_without_its_login(
    made: EvaluationSet, settings: Any, monkeypatch: pytest.MonkeyPatch, admin_client: Client, client: str
) -> None:
    settings.RAGSITE_MLFLOW_TRACKING_URI = AWAY
    settings.RAGSITE_MAX_ATTEMPTS = 1
    monkeypatch.setattr(door, "CLIENT", client)
    run = done(made)
    assert (run.state, run.metrics["map"], run.note) == (RunState.DONE, 1, "")
    worked()
    ExperimentEntry.objects.update(not_before=Now())
    EXPERIMENTS.give_up()
    entry = ExperimentEntry.objects.get()
    assert entry.state == ExperimentState.FAILED
    assert "secret" not in entry.error
    assert "Not yet logged to MLflow." in admin_client.get(row_url(run)).content.decode()


def test_what_failed_is_tried_again_after_an_hour_and_all_of_it_once_one_is_logged(
    made: EvaluationSet, store: Any
) -> None:
    for _ in range(3):
        done(made)
    ExperimentEntry.objects.update(state="failed", error="Away.", ended_at=Now() - timedelta(minutes=59))
    experiments_follow(turns.long())
    assert not ExperimentEntry.objects.filter(state="waiting", run__isnull=False).exists()
    ExperimentEntry.objects.filter(run__isnull=False).update(ended_at=Now() - timedelta(minutes=61))
    experiments_follow(turns.long())
    assert ExperimentEntry.objects.filter(state="waiting", run__isnull=False).count() == 1
    worked()
    assert set(ExperimentEntry.objects.values_list("state", flat=True)) == {"logged"}


def test_people_are_led_to_mlflow_without_the_login_that_is_logged_by(settings: Any) -> None:
    settings.RAGSITE_MLFLOW_TRACKING_URI = "https://user:secret@mlflow.example.org/"
    assert run_url("3", "abc") == "https://mlflow.example.org/#/experiments/3/runs/abc"
    settings.RAGSITE_MLFLOW_URL = "https://experiments.example.org"
    assert run_url("3", "abc") == "https://experiments.example.org/#/experiments/3/runs/abc"
    assert run_url("3", "") == ""
