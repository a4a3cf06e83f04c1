"""A worker that forks: what its children counted is told whole, whatever becomes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ragsite.core.metrics.files import PREFIX, leftovers_remove

FORKING = """
import os, signal, sys
from pathlib import Path
from ragsite.core.metrics.files import files_begin, files_end, files_of_child, files_registry
from ragsite.core.metrics.instruments import counter, gauge, histogram

folder = files_begin(below=Path(sys.argv[1]))
starts, seconds = counter("ragsite_stage_starts_total"), histogram("ragsite_job_seconds")
running = gauge("ragsite_requests_running")
starts.labels("parse").inc()

def child(place, number, *, killed=False):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    files_of_child(place)
    running.labels("other").inc()
    for _ in range(number):
        starts.labels("parse").inc()
        seconds.labels("parse").observe(0.2)
    os.kill(os.getpid(), signal.SIGKILL if killed else signal.SIGTERM)

for turn in range(20):
    child(0, 3, killed=turn % 2 == 0)
    child(1, 2)
told = files_registry()
parse = {"stage": "parse"}
print(told.get_sample_value("ragsite_stage_starts_total", parse),
      told.get_sample_value("ragsite_job_seconds_count", {"job": "parse"}),
      told.get_sample_value("ragsite_job_seconds_bucket", {"job": "parse", "le": "0.25"}),
      told.get_sample_value("ragsite_requests_running", {"kind": "other"}),
      len(list(folder.glob("counter_*.db"))), len(list(folder.iterdir())))
files_end(folder)
print(folder.exists())
"""


def test_counts_of_children_that_came_and_went_are_kept_in_files_that_do_not_grow_in_number(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORKING, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["101.0 100.0 100.0 2.0 3 7", "False"], done.stderr


def test_the_folders_of_workers_that_were_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"{PREFIX}{gone.pid}-abc", f"{PREFIX}{os.getpid()}-abc", f"{PREFIX}notes", "others"]
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / f"{PREFIX}{gone.pid}-link").symlink_to(tmp_path / "others")
    leftovers_remove(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], f"{PREFIX}{gone.pid}-link"])
