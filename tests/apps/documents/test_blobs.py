from __future__ import annotations

import hashlib
import os
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.documents.blobs import (
    BlobMissingError,
    blob_file,
    blob_path,
    blob_write,
    blobs_delete,
    blobs_discard,
    blobs_older_than,
)
from apps.documents.upload_limits import UploadTooLargeError
from ragsite.core.errors import TransientError

TENANT = uuid.uuid4()


def files(settings: Any) -> list[Path]:
    return [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]


def write(*parts: bytes) -> Any:
    return blob_write(iter(parts), tenant_id=TENANT, filename="note.txt")


def test_a_blob_holds_the_bytes_their_hash_and_their_size() -> None:
    blob = write(b"first ", b"", b"second")
    assert blob_path(blob.name).read_bytes() == b"first second"
    assert (blob.sha256, blob.size) == (hashlib.sha256(b"first second").hexdigest(), 12)


def test_the_same_bytes_twice_are_two_blobs_of_random_names() -> None:
    assert write(b"same").name != write(b"same").name


def test_other_users_of_the_machine_may_neither_list_nor_read_blobs() -> None:
    kept = Path(blob_path(write(b"secret").name))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept, *kept.parents[:2])] == [0o600, 0o700, 0o700]


def test_a_blob_over_the_limit_is_not_kept(settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 10
    assert write(b"x" * 10).size == 10
    with pytest.raises(UploadTooLargeError, match=r"'note\.txt' is larger"):
        write(b"x" * 5, b"x" * 6)
    assert len(files(settings)) == 1


def test_an_interruption_leaves_nothing(settings: Any) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half of it"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blob_write(parts(), tenant_id=TENANT, filename="note.txt")
    assert files(settings) == []


def test_a_store_that_is_no_folder_says_which_setting_to_check(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings.RAGSITE_BLOB_DIR = tmp_path / "file"
    with pytest.raises(TransientError) as caught:
        write(b"text")
    assert caught.value.error_code == "storage_failed"
    assert "Check RAGSITE_DATA_DIR" in caught.value.sentence


def test_deleting_a_blob_twice_is_no_error() -> None:
    blob = write(b"text")
    blobs_delete([blob.name])
    blobs_delete([blob.name])
    assert not blob_path(blob.name).exists()


def test_a_blob_that_cannot_be_deleted_is_an_error_and_one_that_is_discarded_is_left(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RAGSITE_BLOB_DIR = tmp_path
    (tmp_path / "tenant" / "blob").mkdir(parents=True)
    with pytest.raises(TransientError) as caught:
        blobs_delete(["tenant/blob"])
    assert caught.value.error_code == "storage_failed"
    blobs_discard(["tenant/blob"])
    assert "1 blobs are left to the sweep: The storage for documents cannot be written" in caplog.text


def test_a_file_is_looked_at_in_place() -> None:
    blob = write(b"text")
    with blob_file(blob.name) as path:
        assert path == blob_path(blob.name)
    assert path.exists()


def test_a_missing_blob_is_reported() -> None:
    with pytest.raises(BlobMissingError), blob_file(f"{TENANT}/nothing"):
        pass


def test_old_blobs_are_distinguished_from_new_ones() -> None:
    old, new = write(b"old"), write(b"new")
    then = time.time() - 100
    os.utime(blob_path(old.name), (then, then))
    names = [old.name, new.name]
    assert blobs_older_than(names, 50) == [old.name]
    assert blobs_older_than(names, -50) == names
    blobs_delete([old.name])
    assert blobs_older_than(names, 50) == [], "it is gone"
