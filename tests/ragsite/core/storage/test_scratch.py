from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ragsite.core.storage.scratch import FOLDER, scratch_file


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.RAGSITE_DATA_DIR = tmp_path
    return tmp_path / FOLDER


def test_a_scratch_file_is_there_for_the_block_alone(folder: Path) -> None:
    with scratch_file() as file:
        file.write(b"content")
        file.flush()
        assert [path.read_bytes() for path in folder.iterdir()] == [b"content"]
    assert list(folder.iterdir()) == []


def test_a_failure_removes_it_too(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_file():
        raise KeyboardInterrupt
    assert list(folder.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_one_and_nothing_that_is_in_use(folder: Path) -> None:
    pid = os.fork()
    if pid == 0:
        with scratch_file():
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    (left,) = folder.iterdir()
    with scratch_file() as first, scratch_file() as second:
        assert sorted(folder.iterdir()) == sorted([Path(first.name), Path(second.name)])
        assert not left.exists()
    assert list(folder.iterdir()) == []


def test_it_is_for_this_user_alone(folder: Path) -> None:
    with scratch_file() as file:
        assert (folder.stat().st_mode & 0o077, os.fstat(file.fileno()).st_mode & 0o077) == (0, 0)
