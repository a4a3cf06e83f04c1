from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from apps.documents.intake.sources import DocumentSource, SourceFile, on_disk, sources_of
from apps.documents.upload_limits import UploadTooLargeError
from ragsite.core.errors import PermanentError


def source_file(path: Path) -> SourceFile:
    return SourceFile(name=path.name, path=path, size=path.stat().st_size)


def bundle(tmp_path: Path, **members: str) -> SourceFile:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, text in members.items():
            archive.writestr(f"folder/{name}.txt", text)
    return source_file(tmp_path / "a.zip")


def test_a_plain_file_is_one_source_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello.")
    (source,) = sources_of(source_file(tmp_path / "a.txt"))
    assert (source.name, b"".join(source.parts())) == ("a.txt", b"Hello.")
    with on_disk(source) as path:
        assert path == tmp_path / "a.txt"


def test_a_zip_is_a_source_for_each_member_that_is_on_the_disk_while_it_is_needed(tmp_path: Path) -> None:
    seen: list[tuple[str, str, str]] = []
    copies: list[Path] = []
    for source in sources_of(bundle(tmp_path, one="One.", two="Two.")):
        with on_disk(source) as path:
            copies.append(path)
            seen.append((source.name, source.filename, path.read_text()))
    assert seen == [("a.zip/folder/one.txt", "one.txt", "One."), ("a.zip/folder/two.txt", "two.txt", "Two.")]
    assert not any(path.exists() for path in copies)


def test_a_file_over_the_limit_is_not_opened_but_a_zip_may_be_larger(tmp_path: Path, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 20
    (tmp_path / "a.txt").write_text("x" * 21)
    with pytest.raises(UploadTooLargeError, match="is larger than"):
        list(sources_of(source_file(tmp_path / "a.txt")))
    sources = sources_of(bundle(tmp_path, small="x" * 20, large="x" * 21))
    assert b"".join(next(sources).parts()) == b"x" * 20
    with pytest.raises(UploadTooLargeError), on_disk(next(sources)):
        pytest.fail("the copy is over the limit")


def test_a_file_that_disappeared_is_reported_as_missing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello.")
    gone = source_file(tmp_path / "a.txt")
    gone.path.unlink()
    (source,) = sources_of(gone)
    assert isinstance(source, DocumentSource)
    with pytest.raises(PermanentError, match=r"'a\.txt' can't be read: No such file or directory"):
        list(source.parts())
