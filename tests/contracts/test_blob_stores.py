"""What every store of blobs keeps to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ragsite.core.ids import new_id
from ragsite.core.storage.paired import PairedBlobs
from ragsite.core.storage.places import FolderPlace, storage_at
from ragsite.core.storage.store import BlobStore, Parts
from tests import s3

MEGABYTE = 1024 * 1024


@pytest.fixture(params=["files", "s3", "two"])
def store(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> BlobStore:
    if request.param == "two":
        (tmp_path / "mounted").mkdir()
        return PairedBlobs(first=storage_at(FolderPlace(tmp_path / "mounted")), second=storage_at(None))
    place = request.getfixturevalue("bucket") if request.param == "s3" else None
    made: BlobStore = s3.store_at(place)
    return made


@pytest.fixture
def nothing_begun(request: pytest.FixtureRequest, store: BlobStore) -> Callable[[], bool]:
    """Whether no upload in parts was left half done; of files there are none."""
    if store.is_local:
        return lambda: True
    place = request.getfixturevalue("bucket")
    return lambda: s3.begun_in(place) == []


def name(tenant: object = "") -> str:
    return f"{tenant or new_id()}/{new_id()}"


def write(store: BlobStore, *parts: bytes, called: str = "") -> str:
    return store.save(called or name(), Parts(iter(parts)))


def read(store: BlobStore, called: str) -> bytes:
    with store.open(called) as file:
        return b"".join(file.chunks(MEGABYTE))


@pytest.mark.parametrize(
    "parts",
    [(), (b"",), (b"one",), (b"first ", b"", b"second")],
    ids=["nothing", "an empty part", "one part", "several parts"],
)
def test_what_is_written_is_read(store: BlobStore, parts: tuple[bytes, ...]) -> None:
    called = name()
    assert write(store, *parts, called=called) == called
    assert read(store, called) == b"".join(parts)


def test_a_large_blob_comes_back_as_it_was_in_pieces_of_any_size(store: BlobStore) -> None:
    parts = [os.urandom(size) for size in (3 * MEGABYTE, 1, 9 * MEGABYTE, 5 * MEGABYTE + 17)]
    called = write(store, *parts)
    digest = hashlib.sha256()
    with store.open(called) as file:
        while piece := file.read(700_001):
            assert len(piece) <= 700_001
            digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("size", [10, 20 * MEGABYTE], ids=["small", "large"])
def test_an_interruption_leaves_nothing(
    store: BlobStore, nothing_begun: Callable[[], bool], size: int, error: type[BaseException]
) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * (size // 10)
        raise error("stop")

    with pytest.raises(error, match="stop"):
        store.save(name(), Parts(parts()))
    assert store.names_after("", limit=10) == []
    assert nothing_begun()


def test_a_blob_that_is_not_there_cannot_be_opened(store: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        read(store, name())


def test_names_come_in_order_a_page_at_a_time_across_tenants(store: BlobStore) -> None:
    tenants = [new_id() for _ in range(3)]
    names = sorted(write(store, b"x", called=name(tenant)) for tenant in tenants for _ in range(3))
    pages, position = [], ""
    while page := store.names_after(position, limit=4):
        pages.append(page)
        position = page[-1]
    assert [len(page) for page in pages] == [4, 4, 1]
    assert [one for page in pages for one in page] == names
    assert store.names_after(names[2], limit=2) == names[3:5]


def test_an_empty_store_has_no_names(store: BlobStore) -> None:
    assert store.names_after("", limit=10) == []
    assert store.names_after(name(), limit=10) == []


def test_those_that_are_removed_are_gone_and_the_others_are_not(store: BlobStore) -> None:
    names = [write(store, b"x") for _ in range(4)]
    store.remove([names[0], names[2], name(), names[0]])
    assert store.names_after("", limit=10) == sorted([names[1], names[3]])
    store.remove([])
    store.remove(names)
    assert store.names_after("", limit=10) == []


def test_old_blobs_are_distinguished_from_new_ones(store: BlobStore) -> None:
    tenant = new_id()
    names = sorted(write(store, b"x", called=name(tenant)) for _ in range(5))
    asked = [names[3], names[1], name(tenant), name()]
    assert store.older_than(asked, 50) == []
    assert sorted(store.older_than(asked, -50)) == [names[1], names[3]]
    assert store.older_than(names[:1], -50) == names[:1]
    assert store.older_than([], -50) == []


def test_a_store_in_order_has_no_complaint(store: BlobStore) -> None:
    store.check()


def test_threads_do_not_disturb_each_other(store: BlobStore) -> None:
    def round_trip(number: int) -> bool:
        content = str(number).encode() * 1_000
        return read(store, write(store, content)) == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(40)))
    assert len(store.names_after("", limit=100)) == 40


def test_a_forked_child_and_its_parent_do_not_disturb_each_other(store: BlobStore) -> None:
    mine = write(store, b"of the parent")
    pid = os.fork()
    if pid == 0:
        _end_by(lambda: all(read(store, write(store, b"of the child")) == b"of the child" for _ in range(10)))
    fine = all(read(store, mine) == b"of the parent" for _ in range(10))
    _, status = os.waitpid(pid, 0)
    assert (fine, os.waitstatus_to_exitcode(status)) == (True, 0)
    assert len(store.names_after("", limit=100)) == 11


def _end_by(work: Callable[[], bool]) -> None:
    try:
        os._exit(0 if work() else 1)
    finally:
        os._exit(2)
