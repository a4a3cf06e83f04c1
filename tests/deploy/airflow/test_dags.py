"""The files of the DAGs, as they can be read without Airflow. `tests/flows/test_airflow.py` runs them, where there is one."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "airflow"
DAGS = sorted((FOLDER / "dags").glob("*.py"))
PLAIN = sorted(path for path in (FOLDER / "ragsite_batch").glob("*.py") if path.stem != "door")
EVERY = pytest.mark.parametrize("path", DAGS, ids=lambda path: path.stem)


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def dag_arguments(path: Path) -> dict[str | None, ast.expr]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    (dag,) = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "dag"]
    return {keyword.arg: keyword.value for keyword in dag.keywords}


def test_there_are_the_four() -> None:
    assert [path.stem for path in DAGS] == [
        "ragsite_backfill", "ragsite_evaluation", "ragsite_purge", "ragsite_reindex_check",
    ]  # fmt: skip


@EVERY
def test_a_dag_is_named_as_its_file_says_when_it_runs_and_has_what_all_have(path: Path) -> None:
    given = dag_arguments(path)
    assert ast.literal_eval(given["dag_id"]) == path.stem
    schedule = ast.literal_eval(given["schedule"])
    assert schedule is None or len(schedule.split()) == 5
    common = given[None]
    assert isinstance(common, ast.Name)
    assert common.id == "OF_EACH_DAG"


@EVERY
def test_a_sensor_gives_its_place_back_while_it_waits_and_ends_some_time(path: Path) -> None:
    sensors = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "sensor"
    ]
    for sensor in sensors:
        assert {"poke_interval", "timeout", "mode"} <= {keyword.arg for keyword in sensor.keywords}


@EVERY
def test_a_dag_imports_airflow_and_the_functions_and_nothing_of_ragsite_itself(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
    assert tops == {"airflow", "ragsite_batch"}


def test_the_functions_need_the_client_alone() -> None:
    tops = {name.partition(".")[0] for path in PLAIN for name in imported(path)} - set(sys.stdlib_module_names)
    assert tops == {"ragsite_batch", "ragsite_client"}
