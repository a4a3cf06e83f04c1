"""A disk that hangs: who asks it is told in time, and few are left waiting for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ragsite.core.errors import TransientError
from ragsite.core.storage import files
from ragsite.core.storage.files import FolderBlobs
from ragsite.core.storage.hanging import MOST, hanging_at, in_time
from ragsite.core.storage.store import Parts
from tests.waiting import wait_for

NAME = "tenant/blob"


@pytest.fixture
def back(tmp_path: Path) -> Iterator[threading.Event]:
    """Set once the disk answers again."""
    event = threading.Event()
    yield event
    event.set()
    all_back(tmp_path)


def all_back(folder: Path) -> None:
    wait_for(lambda: not hanging_at(str(folder)), seconds=10, what="the threads to come back")


def late(place: Path, work: Callable[[], object]) -> str:
    with pytest.raises(TimeoutError) as raised:
        in_time(work, place=str(place), seconds=0.05)
    return str(raised.value)


def test_what_is_done_in_time_is_given_and_so_is_its_error(tmp_path: Path) -> None:
    def refused() -> None:
        raise TimeoutError("the server's own words")

    assert in_time(lambda: 42, place=str(tmp_path), seconds=10) == 42
    with pytest.raises(TimeoutError, match="the server's own words"):
        in_time(refused, place=str(tmp_path), seconds=10)
    assert not hanging_at(str(tmp_path))


def test_what_takes_longer_is_left_alone_and_after_some_the_place_is_not_asked(
    tmp_path: Path, back: threading.Event
) -> None:
    told = {late(tmp_path, back.wait) for _ in range(MOST)}
    assert told == {f"{tmp_path} did not answer within 0.05 s"}
    asked = threading.Event()
    assert "is not asked" in late(tmp_path, asked.set)
    assert "is not asked" in late(Path(f"{tmp_path}/"), asked.set)
    assert not asked.is_set()
    assert in_time(lambda: "another", place="elsewhere", seconds=10) == "another"
    back.set()
    all_back(tmp_path)
    assert in_time(lambda: 42, place=str(tmp_path), seconds=10) == 42


def test_what_gets_on_may_take_its_time(tmp_path: Path, back: threading.Event) -> None:
    looked: list[int] = []

    def progress() -> int:
        looked.append(len(looked))
        if len(looked) == 4:
            back.set()
        return len(looked)

    assert in_time(back.wait, place=str(tmp_path), seconds=0.05, progress=progress)
    assert len(looked) >= 4


@pytest.fixture
def hung(tmp_path: Path, back: threading.Event, monkeypatch: pytest.MonkeyPatch) -> FolderBlobs:
    """A folder whose disk hangs until it is `back`."""
    plain = files.folder_check

    def when_it_is_back(folder: Path) -> None:
        back.wait()
        plain(folder)

    monkeypatch.setattr(files, "folder_check", when_it_is_back)
    monkeypatch.setattr(files, "STALLED_SECONDS", 0.1)
    monkeypatch.setattr(files, "ASKING_SECONDS", 0.1)
    return FolderBlobs(str(tmp_path))


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.check(),
        lambda store: store.remove([NAME]),
        lambda store: store.save(NAME, Parts([b"one"])),
        lambda store: store.names_after("", limit=1),
    ],
    ids=["check", "remove", "save", "names"],
)
def test_a_folder_that_hangs_says_so_in_words(hung: FolderBlobs, ask: Callable[[FolderBlobs], object]) -> None:
    with pytest.raises(TransientError) as raised:
        ask(hung)
    assert raised.value.message == f"The folder {hung.folder} for copies of documents does not answer."


def test_a_file_that_does_not_open_says_so_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ASKING_SECONDS", 0.1)
    (tmp_path / "tenant").mkdir()
    os.mkfifo(tmp_path / NAME)
    with pytest.raises(TransientError, match="does not answer"):
        FolderBlobs(str(tmp_path)).open(NAME)
    with open(tmp_path / NAME, "wb"):  # its other end, without which it would hang for good
        all_back(tmp_path)


def test_a_write_that_was_given_up_leaves_nothing_once_the_disk_is_back(
    hung: FolderBlobs, back: threading.Event, tmp_path: Path
) -> None:
    with open(os.devnull, "rb") as content, pytest.raises(TransientError):
        hung.save(NAME, Parts(iter(lambda: content.read(1), b"never")))
    back.set()
    all_back(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_comes_late_removes_nothing_that_another_has_written_meanwhile(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"half"
        store.remove([NAME])
        store.save(NAME, Parts([b"whole"]))
        raise ValueError("it was given up long ago")

    store = FolderBlobs(str(tmp_path))
    with pytest.raises(ValueError, match="long ago"):
        store.save(NAME, Parts(interrupted()))
    assert (tmp_path / NAME).read_bytes() == b"whole"
