"""Disks that are full: of uploads, of PostgreSQL, of Redis' file. Each is a small file system in memory, which needs root's right
to mount one; where nobody gives it, as on most laptops, the tests are left out.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Told, Uploads
from tests.faults.stand import Stand, Watch, figure, pause, standing

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

PLACES = {"blobs": 8, "stack/postgresql": 400, "stack/redis": 16}
"""Megabytes of each."""

FULL_SECONDS = 12
PIECE = 64 * 1024
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with standing(prepared=small_disks) as started:
        yield started


@contextmanager
def small_disks(folder: Path) -> Iterator[None]:
    with ExitStack() as ends:
        for place, megabytes in PLACES.items():
            at = folder / place
            at.mkdir(parents=True, mode=0o700)
            options = f"size={megabytes}m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
            mounted = subprocess.run([*AS_ROOT, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], check=False)
            if mounted.returncode:
                pytest.skip("nobody may mount a file system here")
            ends.callback(subprocess.run, [*AS_ROOT, "umount", "--lazy", str(at)], check=False)
        yield


@contextmanager
def full(place: Path) -> Iterator[None]:
    """Within the block there is no room on the disk."""
    filler = place / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(PIECE))
        yield
    finally:
        filler.unlink()


@pytest.mark.timeout(900)
def test_a_store_that_is_full_refuses_uploads_in_words_and_takes_them_once_there_is_room(stand: Stand) -> None:
    told = filled(stand, "blobs", "C-39 uploads")
    assert "ok" in told.outcomes()
    assert set(told.outcomes()) == {"ok", "storage_full"}


@pytest.mark.timeout(900)
def test_a_redis_whose_disk_is_full_loses_nothing_that_was_accepted(stand: Stand) -> None:
    told = filled(stand, "stack/redis", "C-39 Redis")
    assert set(told.outcomes()) == {"ok"}


@pytest.mark.timeout(900)
def test_a_postgresql_whose_disk_is_full_refuses_in_words_and_has_all_that_was_accepted(stand: Stand) -> None:
    told = filled(stand, "stack/postgresql", "C-39 PostgreSQL")
    assert told.is_in_words()
    assert set(told.outcomes()) != {"ok"}


def filled(stand: Stand, place: str, row: str) -> Told:
    """What senders of documents are told while the disk is full for a while; all that was accepted is accounted for."""
    base, before = stand.base(row), stand.restarts()
    with (
        psycopg.connect(stand.database_url, autocommit=True) as database,
        Uploads(stand, base, per_second=3) as uploads,
    ):
        await_progress(database, base, seconds=60)
        with full(stand.folder / place):
            pause(FULL_SECONDS)
        watch = Watch()
        pause(5)
    with psycopg.connect(stand.database_url, autocommit=True) as database:
        account = reconciled(database, base, uploads.told)
    figure(
        row, seconds_full=FULL_SECONDS, all_ended_after=watch.seconds, trouble=uploads.told.longest_trouble(),
        told=uploads.told.outcomes(), restarts={name: n - before[name] for name, n in stand.restarts().items()},
        account=str(account),
    )  # fmt: skip
    return uploads.told
