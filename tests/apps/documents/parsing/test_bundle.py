from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from apps.documents.parsing.bundle import members, safe_path
from apps.documents.parsing.errors import (
    DamagedFileError,
    EncryptedFileError,
    NestedArchiveError,
    UnsafeArchiveError,
)
from apps.documents.parsing.types import Limits
from ragsite.core.errors import PermanentError


def packed(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def names(path: Path, limits: Limits | None = None) -> list[str]:
    return [member.name for member in members(path, limits or Limits())]


def read(path: Path) -> dict[str, bytes | type[PermanentError]]:
    """The bytes of each member, or the error that it is refused with."""
    contents: dict[str, bytes | type[PermanentError]] = {}
    for member in members(path, Limits()):
        try:
            with member.open() as file:
                contents[member.name] = file.read()
        except PermanentError as error:
            contents[member.name] = type(error)
    return contents


def test_members_come_in_order_with_their_bytes(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("b/two.txt", b"Two."), ("one.txt", b"One."))
    assert list(read(path).items()) == [("b/two.txt", b"Two."), ("one.txt", b"One.")]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b.txt", "a/b.txt"),
        ("/etc/passwd.txt", "etc/passwd.txt"),
        ("../../up.txt", "up.txt"),
        ("a/../../b.txt", "a/b.txt"),
        ("..\\..\\win.txt", "win.txt"),
        ("C:\\Users\\x.txt", "Users/x.txt"),
        ("c:/x.txt", "x.txt"),
        ("a//./b.txt", "a/b.txt"),
        (".git/config.txt", ""),
        ("a/.hidden.txt", ""),
        ("__MACOSX/a.txt", ""),
        ("..", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_members_path_stays_in_its_archive(name: str, safe: str) -> None:
    assert safe_path(name) == safe


def test_folders_links_and_hidden_members_are_passed_over(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = 0o120777 << 16
    path = packed(
        tmp_path / "a.zip", ("folder/", b""), (link, b"/etc/passwd"), (".hidden.txt", b"x"), ("__MACOSX/._a.txt", b"x"),
        ("a.txt", b"x"),
    )  # fmt: skip
    assert names(path) == ["a.txt"]


def test_an_archive_in_an_archive_is_refused_and_hinders_no_other(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", ("a.txt", b"x")).read_bytes()
    path = packed(tmp_path / "a.zip", ("inner.ZIP", inner), ("a.txt", b"A."))
    assert read(path) == {"inner.ZIP": NestedArchiveError, "a.txt": b"A."}


def test_an_encrypted_member_is_refused_and_hinders_no_other(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("secret.txt", b"S."), ("a.txt", b"A."))
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + offset] |= 1
    path.write_bytes(content)
    assert read(path) == {"secret.txt": EncryptedFileError, "a.txt": b"A."}


def test_a_damaged_member_is_refused_and_hinders_no_other(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("bad.txt", b"Bad content."), ("a.txt", b"A."), method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"Bad content.", b"Worse thing."))
    assert read(path) == {"bad.txt": DamagedFileError, "a.txt": b"A."}


@pytest.mark.parametrize(
    ("limits", "entries"),
    [
        (Limits(max_archive_members=2), [("a", b"1"), ("b", b"2"), ("c", b"3")]),
        (Limits(max_unpacked_bytes=100), [("a", bytes(range(101)))]),
        (Limits(max_ratio=10), [("a", b"x" * 100_000)]),
    ],
    ids=["members", "size", "ratio"],
)
def test_an_archive_over_a_limit_is_refused_before_anything_of_it_is_read(
    tmp_path: Path, limits: Limits, entries: list[tuple[str | zipfile.ZipInfo, bytes]]
) -> None:
    path = packed(tmp_path / "a.zip", *entries)
    with pytest.raises(UnsafeArchiveError, match=r"The archive has \d+"):
        names(path, limits)
    assert names(path, Limits(max_ratio=100_000))


def test_a_member_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", ("a.txt", b"x" * 5_000))
    content = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", content, content.index(magic) + offset, 10)
    path.write_bytes(content)
    assert read(path) == {"a.txt": DamagedFileError}


def test_a_directory_of_a_million_entries_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 100_000
    path.write_bytes(directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0))

    def read_too_soon(*_: object) -> None:
        pytest.fail("the directory was read")

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", read_too_soon)
    with pytest.raises(UnsafeArchiveError, match="far more than 1,000 members"):
        names(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not an archive", b"PK\x03\x04 and nothing more", b"PK\x05\x06" * 9])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(PermanentError, match="archive"):
        names(path)


def test_names_without_a_mark_are_read_as_utf_8_where_they_can_be(tmp_path: Path) -> None:
    packed_names = io.BytesIO()
    with zipfile.ZipFile(packed_names, "w") as archive:
        archive.writestr("Übersicht.txt", "x")
    content = bytearray(packed_names.getvalue())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(magic) + offset
        flags = int.from_bytes(content[place : place + 2], "little") & ~0x800
        content[place : place + 2] = flags.to_bytes(2, "little")
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert names(path) == ["Übersicht.txt"]
