"""A worker that is killed, or frozen, in the middle of its work: another one takes it over, and the first writes nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.supervisor import ALWAYS, procfile
from tests.faults.stand import Stand, Watch, figure, standing, within
from tests.flows import checks
from tests.flows.checks import Database
from tests.flows.test_poison import blank_page
from tests.servers import own_folder
from tests.waiting import wait_for

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

RECOGNITION = """#!/bin/sh
# Stands in for Tesseract: takes as long as the file `slow` is there.
while test -e "$RAGSITE_DATA_DIR/slow"; do sleep 0.1; done
cat > /dev/null
echo "The keeper of the lighthouse signed the log."
"""
STARTS = "SELECT attempts FROM documents_stagerecord WHERE stage = 'parse' AND version_id = %s"


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with own_folder() as folder:
        program = folder / "tesseract"
        program.write_text(RECOGNITION)
        program.chmod(0o755)
        with standing(RAGSITE_OCR="true", PATH=f"{folder}{os.pathsep}{os.environ['PATH']}") as started:
            yield started


@pytest.mark.timeout(720)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_work_whose_worker_is_gone_is_taken_over_and_done_once(
    stand: Stand, database: Database, tmp_path: Path, how: signal.Signals
) -> None:
    slow = stand.folder / "slow"
    slow.touch()
    base = stand.base(f"Worker and {how.name}")
    (tmp_path / "scan.pdf").write_bytes(blank_page() + f"% {how.name}".encode())
    with second_worker(stand) as second:
        version = stand.client.upload(base, tmp_path / "scan.pdf").version.id
        leaders = (stand.running.supervisor.pid("parsing"), second)
        leader = wait_for(lambda: at_recognition(*leaders), seconds=within(60), what="a worker reads the page")
        os.killpg(leader, how)
        watch = Watch()
        wait_for(
            lambda: database.execute(STARTS, [version]).fetchone() == (2,), seconds=within(60), what="a second start"
        )
        taken_over = watch.seconds
        slow.unlink()
        (ended,) = stand.client.as_ended([version], seconds=within(60))
        if how is signal.SIGSTOP:
            os.killpg(leader, signal.SIGCONT)
            wait_for(lambda: at_recognition(leader) == 0, seconds=within(30), what="the one that was frozen gives up")
    figure("C-02" if how is signal.SIGKILL else "C-02b", taken_over=taken_over)
    assert (ended.status, ended.chunk_count) == ("ready", 1)
    assert database.execute(STARTS, [version]).fetchone() == (2,)
    checks.assert_no_chunk_twice(database, base)
    assert {kind: len(ids) for kind, ids in checks.events_of(database, base).items()} == {
        "document.created": 1,
        "vector.indexed": 1,
    }
    assert taken_over <= within(30)


@contextmanager
def second_worker(stand: Stand) -> Iterator[int]:
    """Another worker that parses; its process id."""
    command = [word.replace("parsing@", "second@") for word in procfile(ALWAYS, stand.running.environ)["parsing"]]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=stand.running.environ, start_new_session=True)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def at_recognition(*leaders: int) -> int:
    """The leader of the group in which the recognition program runs; 0 where it does not."""
    for leader in filter(psutil.pid_exists, leaders):
        for child in psutil.Process(leader).children(recursive=True):
            if any("tesseract" in word for word in child.cmdline()):
                return leader
    return 0
