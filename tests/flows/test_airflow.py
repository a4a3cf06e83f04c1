"""The DAGs, run by Airflow against the whole system."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.flows.texts import write_documents
from tests.waiting import wait_for

AIRFLOW = os.environ.get("RAGSITE_AIRFLOW", "")
pytestmark = [
    pytest.mark.servers,
    pytest.mark.workers,
    pytest.mark.weights,
    pytest.mark.airflow,
    pytest.mark.skipif(not AIRFLOW, reason="RAGSITE_AIRFLOW names no environment with Airflow."),
]
FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "airflow"


@pytest.fixture(scope="module")
def night_key(running: System) -> str:
    """Of a tenant of its own, so that what other flows break is not told here."""
    return running.manage(
        "apikey", "airflow", "--tenant", "Nightly", "--permissions", "read", "write", "work:manage"
    ).strip()


@pytest.fixture(scope="module")
def airflow(running: System, night_key: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow whose connection is that key."""
    given = {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__CORE__DAGS_FOLDER": str(FOLDER / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_RAGSITE": json.dumps({"conn_type": "generic", "host": running.url, "password": night_key}),
        "PYTHONPATH": str(FOLDER),
        "PATH": os.environ["PATH"],
    }
    made = ran(given, "db", "migrate")
    assert made.returncode == 0, made.stdout + made.stderr
    return given


def ran(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [f"{AIRFLOW}/bin/airflow", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)


def succeeded(environ: dict[str, str], dag: str) -> bool:
    made = ran(environ, "dags", "test", dag)
    return made.returncode == 0 and "state=success" in made.stdout + made.stderr


def test_each_dag_is_read_without_an_error(airflow: dict[str, str]) -> None:
    listed = ran(airflow, "dags", "list", "--local", "--output", "plain")
    assert {path.stem for path in (FOLDER / "dags").glob("*.py")} <= set(listed.stdout.split())


def test_the_night_goes_well_and_tells_people_of_an_index_that_waits_for_them(
    airflow: dict[str, str], running: System, night_key: str, tmp_path: Path
) -> None:
    client = Client(running.url, night_key)
    base = client.create_knowledge_base("Nightly").id
    documents = [client.upload(base, path) for path in write_documents(tmp_path, count=2, sentences=4, seed=3)]
    client.wait_until_ready(*documents)
    made = client.call("POST", "/evaluation-sets/", {"knowledge_base": base, "name": "Nightly"})["id"]
    relevant = [{"document": documents[0].document}]
    client.call("POST", f"/evaluation-sets/{made}/questions/", {"text": "What is in it?", "relevant": relevant})
    airflow["AIRFLOW_VAR_RAGSITE_EVALUATION"] = json.dumps({"sets": [made]})

    assert succeeded(airflow, "ragsite_evaluation")
    assert succeeded(airflow, "ragsite_evaluation"), "the second is compared with the first"
    runs = list(client.rows("/evaluation-runs/", evaluation_set=made))
    assert [run["state"] for run in runs] == ["done", "done"]
    assert succeeded(airflow, "ragsite_purge")
    assert succeeded(airflow, "ragsite_reindex_check")

    again = {"chunking": {"size": 60, "overlap": 5}, "switch": "manual"}
    client.call("POST", f"/knowledge-bases/{base}/reindex/", again)
    wait_for(lambda: _waits(client, base), seconds=60, what="the new index to be ready")
    assert not succeeded(airflow, "ragsite_reindex_check"), "a person has to say whether it answers"


def _waits(client: Client, base: str) -> bool:
    newest = client.call("GET", f"/knowledge-bases/{base}/reindex/", limit=1)["results"][0]
    return bool(newest["state"] == "ready")
