from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from ragsite.core.errors import ConfigurationError
from ragsite.stack import processes
from ragsite.stack.processes import Launch
from ragsite.stack.stopping import Stopped, stoppable

SLEEP = shutil.which("sleep") or "sleep"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


@pytest.mark.parametrize(
    ("log", "telling"),
    [
        ("LOG: starting\nFATAL: no such role\nLOG: database system is shut down\n", "FATAL: no such role"),
        ("ready in 3ms\nbye\n\n", "bye"),
        ("", ""),
    ],
)
def test_the_last_line_that_reports_an_error_is_quoted(tmp_path: Path, log: str, telling: str) -> None:
    (tmp_path / "server.log").write_text(log)
    assert processes.last_words(tmp_path / "server.log") == telling


def test_a_server_without_a_log_has_no_last_words(tmp_path: Path) -> None:
    assert processes.last_words(tmp_path / "server.log") == ""


def sleeper(folder: Path, *, marker: str) -> Launch:
    """A program whose marker is the argument it needs anyway."""
    return Launch(command=(SLEEP, marker), folder=folder, log=folder / "server.log", marker=marker)


def test_a_launched_program_is_known_at_once_and_lives_in_a_session_of_its_own(tmp_path: Path) -> None:
    for attempt in range(20):
        marker = f"60.{attempt:04}"
        pid = processes.launch(sleeper(tmp_path, marker=marker))
        process = processes.marked(pid, name="sleep", marker=marker)
        assert process is not None
        assert os.getsid(pid) == pid
        processes.end(process)


def test_a_process_is_ours_only_with_the_right_program_and_marker(tmp_path: Path) -> None:
    ours = {"name": "sleep", "marker": "60.0123"}
    pid = processes.launch(sleeper(tmp_path, marker=ours["marker"]))
    try:
        assert processes.marked(pid, **ours) is not None
        assert processes.marked(pid, name="sleep", marker="ragsite-redis-0123") is None
        assert processes.marked(pid, name="redis-server", marker=ours["marker"]) is None
        assert [process.pid for process in processes.all_marked(**ours)] == [pid]
    finally:
        processes.end(psutil.Process(pid))
    assert processes.marked(pid, **ours) is None
    assert processes.marked(None, **ours) is None


def test_a_process_that_ignores_the_polite_signal_gets_the_next_one() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        processes.end(psutil.Process(process.pid), ((signal.SIGTERM, 0.1), (signal.SIGKILL, 10)))
        assert process.wait(1) == -signal.SIGKILL


def test_a_zombie_counts_as_ended() -> None:
    """Nobody reaps it here until the block ends."""
    with subprocess.Popen(["sleep", "60"]) as process:
        processes.end(psutil.Process(process.pid), ((signal.SIGTERM, 10),))
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    start = Launch(command=(str(tmp_path / "absent"),), folder=tmp_path, log=tmp_path / "server.log", marker="none")
    with pytest.raises(ConfigurationError, match=str(tmp_path / "absent")):
        processes.launch(start)


def test_a_server_sees_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere.example")
    assert not {"PGPORT", "OTEL_EXPORTER_OTLP_ENDPOINT"} & set(processes.clean_environment())


def test_a_program_that_runs_to_its_end_ends_with_us_even_if_we_are_ended_while_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []

    class EndedWhileItStarts(subprocess.Popen[str]):
        def __init__(self, *arguments: Any, **how: Any) -> None:
            super().__init__(*arguments, **how)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", EndedWhileItStarts)
    with pytest.raises(Stopped), stoppable():
        processes.run((SLEEP, "60.0125"))
    assert not psutil.pid_exists(*started)


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run((SLEEP, "60.0126"), timeout=0.1)
    assert processes.all_marked(name="sleep", marker="60.0126") == []


def test_a_program_is_given_its_text_and_says_how_it_ended() -> None:
    done = processes.run((sys.executable, "-c", "import sys; sys.exit(sys.stdin.read())"), text="no")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no\n")
