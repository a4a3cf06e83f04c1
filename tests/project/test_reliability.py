"""The page of reliability says what the matrix has, and the matrix names tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults.matrix import PAGE, ROWS, Runs, page_filled

PROJECT = Path(__file__).resolve().parents[2]
IDS = {f"C-{number:02}" for number in range(1, 52)}
"""Of the matrix that the system was built against."""


def test_every_row_of_the_matrix_is_there_once() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) == len(set(ids))
    assert IDS - set(ids) == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_shows_a_row_is_there_and_runs_when_it_says(row: object) -> None:
    assert row.shown_by
    for name in row.shown_by:
        place, _, title = name.partition("::")
        if place.startswith("benchmarks."):
            module = PROJECT / place.replace(".", "/")
            assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), name
        else:
            assert title in titles(PROJECT / place), name
    in_faults = any(name.startswith("tests/faults/") for name in row.shown_by)
    assert in_faults == (row.runs is Runs.NIGHTLY), "what is in tests/faults runs each night, and nothing else does"


@cache
def titles(path: Path) -> frozenset[str]:
    """The tests of a file, which is not imported."""
    assert path.exists(), path
    tree = ast.parse(path.read_text())
    return frozenset(
        one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    )


def test_every_test_of_a_fault_is_in_the_matrix() -> None:
    named = {name for row in ROWS for name in row.shown_by}
    there = {
        f"{path.relative_to(PROJECT).as_posix()}::{title}"
        for path in (PROJECT / "tests" / "faults").glob("test_*.py")
        for title in titles(path)
    }
    assert there - named == set()


def test_the_page_has_the_table_as_it_is() -> None:
    text = PAGE.read_text()
    assert text == page_filled(text), "run `python -m tests.faults.matrix`"


def test_faults_run_each_night() -> None:
    workflow = (PROJECT / ".github" / "workflows" / "faults.yml").read_text()
    assert re.search(r"schedule:\s+- cron:", workflow)
    assert "make faults" in workflow
