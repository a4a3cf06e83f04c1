"""What the operator's door says before anything is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.stack.local import PROJECT_DIR
from tests.servers import own_folder

SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_SECRET_KEY")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "var"


def manage(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command on a machine where nothing was started yet."""
    environ = {name: value for name, value in os.environ.items() if name not in SERVERS}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT_DIR,
        env=environ | {"RAGSITE_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("way", "command"),
    [("{} --help", "up"), ("help {}", "demo"), ("{} --help", "evaluate"), ("help {}", "apikey"), ("{} -h", "migrate")],
)
def test_help_is_printed_and_nothing_is_started(data: Path, way: str, command: str) -> None:
    done = manage(data, *way.format(command).split())
    assert (done.returncode, done.stderr) == (0, "")
    assert f"manage.py {command}" in done.stdout
    assert not data.exists()


def test_the_list_of_commands_begins_with_those_of_one_machine(data: Path) -> None:
    done = manage(data)
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
    assert listed[:4] == ["demo", "up", "stack", "evaluate"]
    assert {"apikey", "ingest", "migrate", "reindex"} <= set(listed)
    assert not data.exists()


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_word_that_a_command_does_not_know_starts_nothing(data: Path, command: str) -> None:
    done = manage(data, command, "--quickly")
    assert done.returncode == 2
    assert "unrecognized arguments: --quickly" in done.stderr
    assert not data.exists()


@pytest.mark.servers
def test_a_command_before_the_first_start_says_what_to_do() -> None:
    with own_folder() as folder:
        done = manage(folder / "var", "apikey", "mine")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == (
        "The database has no tables yet, or those of an older version. "
        "Start the system once with `manage.py up`, or run `manage.py migrate`; then try again."
    )
    assert "rag_" not in done.stdout


def test_a_missing_data_set_is_reported_before_anything_is_started(data: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").touch()
    done = manage(data, "evaluate", str(tmp_path))
    assert done.returncode == 1
    assert "queries.jsonl" in done.stderr
    assert not data.exists()
