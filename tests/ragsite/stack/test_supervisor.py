from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

from ragsite.core.errors import ConfigurationError
from ragsite.core.transport import NO_KAFKA
from ragsite.stack.supervisor import MARKER, Supervisor, leftovers_end, procfile, system_commands
from tests.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]


def supervisor(folder: Path, **commands: list[str]) -> Supervisor:
    return Supervisor(commands, environ=dict(os.environ), directory=folder)


def test_events_are_consumed_where_there_is_a_clickhouse() -> None:
    without, with_it = (system_commands(defaultdict(str, CLICKHOUSE_URL=url)) for url in ("", "embedded"))
    assert with_it == {**without, "analytics": ["python", "manage.py", "consume_events"]}


def test_without_kafka_nothing_is_started_that_would_need_it() -> None:
    given = {"CLICKHOUSE_URL": "embedded", "RAGSITE_WEB_PORT": "1", "RAGSITE_FLOWER_PORT": "2"}
    with_it, without = (system_commands({**given, "KAFKA_BOOTSTRAP_SERVERS": at}) for at in ("127.0.0.1:1", NO_KAFKA))
    assert with_it.keys() - without.keys() == {"relay", "webhooks"}
    assert without["analytics"] == ["python", "manage.py", "analytics", "serve"]


def test_a_procfile_names_commands_and_takes_values_from_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# the web\nweb: serve --port ${PORT} --name 'a b'\n\nrelay: python manage.py relay\n")
    assert procfile(path, {"PORT": "8000"}) == {
        "web": ["serve", "--port", "8000", "--name", "a b"],
        "relay": ["python", "manage.py", "relay"],
    }


def test_a_command_is_given_what_is_its_own_alone(tmp_path: Path) -> None:
    tells = [sys.executable, "-c", "import os, time; print(os.environ.get('OWN'), flush=True); time.sleep(600)"]
    running = Supervisor(
        {"one": tells, "other": tells}, environ=dict(os.environ), directory=tmp_path, given={"one": {"OWN": "mine"}}
    )
    with running:
        wait_for(
            lambda: running.log("one").read_text() + running.log("other").read_text() != "", seconds=10, what="words"
        )
        wait_for(lambda: running.log("one").read_text().strip() == "mine", seconds=10, what="its own")
        wait_for(lambda: running.log("other").read_text().strip() == "None", seconds=10, what="nothing")


def test_a_killed_process_is_started_again_and_what_it_forked_is_gone(tmp_path: Path) -> None:
    with supervisor(tmp_path, worker=PARENT) as running:
        first = running.pid("worker")
        child = wait_for(lambda: psutil.Process(first).children(), seconds=10, what="the fork")[0]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: running.pid("worker") not in (0, first), seconds=15, what="a new process")
        wait_for(lambda: not _alive(child), seconds=5, what="the orphan's end")
        assert running.restarts("worker") == 1
        assert "SIGKILL" in running.events[0]


def test_a_process_that_keeps_ending_is_started_less_and_less_often(tmp_path: Path) -> None:
    with supervisor(tmp_path, broken=[sys.executable, "-c", "raise SystemExit(3)"]) as running:
        wait_for(lambda: len(running.events) >= 2, seconds=15, what="two ends")
    assert running.events[:2] == [
        "broken ended (exit code 3); it starts again in 2 s",
        "broken ended (exit code 3); it starts again in 4 s",
    ]


def test_leaving_stops_every_process_and_keeps_what_it_said(tmp_path: Path) -> None:
    with supervisor(tmp_path, one=SLEEPER, two=SLEEPER) as running:
        processes = [psutil.Process(running.pid(name)) for name in ("one", "two")]
        wait_for(lambda: "awake" in running.log("one").read_text(), seconds=10, what="its words")
    assert not any(_alive(process) for process in processes)
    assert "awake" in running.log("one").read_text()


def test_processes_whose_supervisor_was_killed_are_ended_by_the_next_one_and_others_are_left_alone(
    tmp_path: Path,
) -> None:
    mine = subprocess.Popen(SLEEPER, env={**os.environ, MARKER: str(tmp_path)}, stdout=subprocess.DEVNULL)
    other = subprocess.Popen(SLEEPER, env={**os.environ, MARKER: str(tmp_path / "other")}, stdout=subprocess.DEVNULL)
    try:
        leftovers_end(tmp_path)
        assert mine.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no-such-program"), supervisor(tmp_path, web=["no-such-program"]):
        pass


def test_what_was_started_before_a_missing_program_ends_again(tmp_path: Path) -> None:
    begun = supervisor(tmp_path, one=SLEEPER, web=["no-such-program"])
    with pytest.raises(ConfigurationError), begun:
        pass
    assert begun.pid("one") == 0


def test_stopping_says_whom_it_waits_for_and_a_second_signal_ends_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragsite.stack.supervisor._TELL_SECONDS", 0.1)
    said: list[str] = []
    monkeypatch.setattr("ragsite.stack.supervisor.is_hurried", lambda: any("waiting" in line for line in said))
    commands = {"busy": STUBBORN, "idle": SLEEPER}
    with Supervisor(commands, environ=dict(os.environ), directory=tmp_path, say=said.append) as running:
        wait_for(lambda: "deaf" in running.log("busy").read_text(), seconds=10, what="its words")
    assert said == [
        "stopping busy, idle",
        "waiting up to 40 s for busy; Ctrl-C again ends them at once",
        "ending busy at once",
    ]
    assert running.pid("busy") == 0


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
