"""What every place of backups keeps to, whichever it is."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragsite.backups.places import BackupPlace, Entry, FolderPlace, as_file, place_at
from ragsite.core.errors import ConfigurationError, TransientError
from ragsite.core.storage.places import S3Place
from tests import s3


def address(at: S3Place, prefix: str) -> str:
    return f"s3://{at.bucket}/{prefix}?endpoint_url={at.endpoint_url}&region={at.region}"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> BackupPlace:
    if request.param == "folder":
        return place_at(str(tmp_path / "backups"))
    at = request.getfixturevalue("bucket")
    s3.blobs_at(settings, None)
    return place_at(address(at, "backups"))


def broken() -> Iterator[bytes]:
    yield b"half"
    raise TransientError("The database went away.")


def test_files_are_written_listed_read_and_removed(place: BackupPlace) -> None:
    for name in ("blobs/b/2", "blobs/a/1", "backups/one/manifest.json", "blobs/b/1"):
        place.write(name, [name.encode(), b"!"])
    assert list(place.entries("blobs")) == [Entry(f"blobs/{name}", 10) for name in ("a/1", "b/1", "b/2")]
    assert (place.folders("backups"), place.folders("nothing")) == (["one"], [])
    assert b"".join(place.read("blobs/a/1")) == b"blobs/a/1!"
    with as_file(place, "blobs/a/1") as path:
        assert path.read_bytes() == b"blobs/a/1!"
    place.write("blobs/a/1", [b"other"])
    place.remove(["blobs/b/1", "blobs/b/2", "not/there"])
    assert list(place.entries("blobs")) == [Entry("blobs/a/1", 5)]
    with pytest.raises(FileNotFoundError):
        list(place.read("blobs/b/1"))


def test_an_interrupted_write_leaves_what_was_there(place: BackupPlace) -> None:
    place.write("backups/list", [b"whole"])
    for name in ("backups/list", "backups/new"):
        with pytest.raises(TransientError, match="The database went away"):
            place.write(name, broken())
    place.tidy()
    assert [entry.name for entry in place.entries("backups")] == ["backups/list"]
    assert b"".join(place.read("backups/list")) == b"whole"


def test_what_a_killed_write_left_is_in_no_list_and_goes(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    place.write("blobs/a/1", [b"whole"])
    left = tmp_path / "blobs" / "a" / ".2.4711.part"
    left.write_bytes(b"half")
    assert [entry.name for entry in place.entries("blobs")] == ["blobs/a/1"]
    place.tidy()
    assert not left.exists()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("blobs/a/1", "blobs/a")]
    assert modes == [0o600, 0o700], "nobody else may read it"


@pytest.mark.parametrize("where", [".", "blobs", "blobs/within"])
def test_a_folder_where_documents_are_kept_is_no_place_for_backups(where: str, settings: Any) -> None:
    """There the sweep would take the blobs of backups for what interrupted uploads left."""
    folder = Path(settings.RAGSITE_BLOB_DIR).parent / where
    with pytest.raises(ConfigurationError, match="is where documents are kept"):
        place_at(str(folder))


def test_a_bucket_where_documents_are_kept_is_no_place_for_backups(bucket: S3Place) -> None:
    for prefix in ("", "blobs", "blobs/of-us", "blobs/of-us/backups"):
        with pytest.raises(ConfigurationError, match="is where documents are kept"):
            place_at(address(bucket, prefix))
    assert place_at(address(bucket, "blobs/of-us-too")).folders("backups") == []


@pytest.mark.parametrize(
    ("text", "error"), [("s3://x", "is no name of a bucket"), ("s3://a:b@bucket", "must hold no credentials")]
)
def test_what_names_no_place_is_said(text: str, error: str) -> None:
    with pytest.raises(ConfigurationError, match=error):
        place_at(text)


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransientError, match=r"The folder of backups .*file/backups can't be used: Not a directory"):
        place_at(str(tmp_path / "file" / "backups"))
