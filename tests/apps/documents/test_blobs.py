from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.documents.blobs import blob_delete, blob_is_older_than, blob_path, blob_write
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
    blob_delete(blob.name)
    blob_delete(blob.name)
    assert not blob_path(blob.name).exists()


def test_old_blobs_are_told_from_new_ones() -> None:
    old, new = write(b"old"), write(b"new")
    then = time.time() - 100
    os.utime(blob_path(old.name), (then, then))
    assert (blob_is_older_than(old.name, 50), blob_is_older_than(new.name, 50)) == (True, False)
    assert blob_is_older_than(new.name, -50)
    blob_delete(old.name)
    assert not blob_is_older_than(old.name, 50), "it is gone"
