import io
import stat
import struct
import zipfile
import zlib

import pytest

from apps.documents.parsing.bundle import open_bundle
from apps.documents.parsing.types import FileLimits
from ragsite.core.errors import PermanentError


@pytest.fixture
def members(tmp_path):
    """(name, content or code of the refusal) of each file in the archive."""

    def of(data, **limits):
        path = tmp_path / "bundle.zip"
        path.write_bytes(data)
        with open_bundle(path, FileLimits(**limits)) as found:
            return [
                (member.name, member.refusal.error_code if member.refusal else b"".join(member.parts()))
                for member in found
            ]

    return of


def test_each_file_comes_with_its_name_and_content(members, make_zip):
    data = make_zip({"a.txt": "first", "folder/": "", "folder/größe.md": "second"})
    assert members(data) == [("a.txt", b"first"), ("folder/größe.md", b"second")]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/a.txt", "etc/a.txt"),
        ("/etc/a.txt", "etc/a.txt"),
        ("C:\\Users\\a.txt", "Users/a.txt"),
        ("a/./../b.txt", "a/b.txt"),
        ("in\u202evoice/a\x07.txt", "invoice/a.txt"),
    ],
)
def test_no_name_leads_out_of_the_archive(members, make_zip, name, safe):
    assert members(make_zip({name: "x"})) == [(safe, b"x")]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("说明/安装手册.md", "gb18030"),
        ("合同.md", "gb18030"),
        ("資料/会議メモ.md", "cp932"),
        ("時刻表.md", "cp932"),
        ("報價單.md", "big5"),
        ("견적서.md", "cp949"),
        ("Договор аренды.md", "cp866"),
        ("Акт №1.md", "cp866"),
        ("Öffnungszeiten für Gäste.md", "cp850"),
        ("São João.md", "cp850"),
        ("Übersicht.md", "cp1252"),
    ],
)
def test_names_in_old_encodings_are_read_by_their_letters(members, make_zip, name, encoding):
    raw = name.encode(encoding)
    held = "_" * len(raw)
    data = make_zip({held: "x"}).replace(held.encode(), raw)
    assert members(data) == [(name, b"x")]


@pytest.mark.parametrize(("about", "name"), [(b"a?.md", "ключ.md"), (b"other.md", "a_.md")])
def test_the_name_beside_an_old_one_counts_where_it_is_about_it(members, about, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("a?.md" if name == "ключ.md" else "a_.md")
        told = b"\1" + struct.pack("<L", zlib.crc32(about)) + "ключ.md".encode()
        entry.extra = struct.pack("<HH", 0x7075, len(told)) + told
        archive.writestr(entry, "x")
    assert members(buffer.getvalue()) == [(name, b"x")]


def test_names_written_in_utf8_without_saying_so_are_read(members, make_zip):
    data = make_zip({"gr__e.txt": "x"}).replace(b"gr__e.txt", "grße.txt".encode())
    assert members(data) == [("grße.txt", b"x")]


def test_links_hidden_files_and_resource_forks_are_passed_over(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/a.txt", "x")
        archive.writestr("folder/.hidden", "x")
        archive.writestr("a.txt", "seen")
    assert members(buffer.getvalue()) == [("a.txt", b"seen")]


def test_archives_inside_come_with_a_refusal_and_the_rest_can_be_taken(members, make_zip):
    inner = make_zip({"a.txt": "x"})
    assert members(make_zip({"a.zip": inner, "b.tar.gz": "x", "c.txt": "y"})) == [
        ("a.zip", "nested_archive"),
        ("b.tar.gz", "nested_archive"),
        ("c.txt", b"y"),
    ]


def test_a_refused_file_cannot_be_read_after_all(tmp_path, make_zip):
    path = tmp_path / "bundle.zip"
    path.write_bytes(make_zip({"a.zip": "x"}))
    with open_bundle(path, FileLimits()) as found, pytest.raises(PermanentError, match="archive itself"):
        list(next(found).parts())


def test_encrypted_files_come_with_a_refusal(members, make_zip):
    data = bytearray(make_zip({"a.txt": "secret", "b.txt": "open"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert members(bytes(data)) == [("a.txt", "encrypted_file"), ("b.txt", b"open")]


def test_a_file_that_unpacks_to_far_too_much_comes_with_a_refusal(members, make_zip):
    padding = bytes(range(256)) * 4_000
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("noise.bin", padding, zipfile.ZIP_STORED)
        archive.writestr("bomb.txt", b"0" * 10_000_000, zipfile.ZIP_DEFLATED)
    assert members(buffer.getvalue()) == [("noise.bin", padding), ("bomb.txt", "unsafe_archive")]


@pytest.mark.parametrize(
    ("contents", "limits", "code"),
    [
        ({f"{at}.txt": "x" for at in range(6)}, {"max_archive_members": 5}, "unsafe_archive"),
        ({"a.txt": "x" * 200_000}, {}, "unsafe_archive"),
        ({"a.txt": "x" * 2_000}, {"max_unpacked_bytes": 1_000}, "unsafe_archive"),
    ],
)
def test_an_archive_of_too_much_is_refused_as_a_whole(members, make_zip, contents, limits, code):
    with pytest.raises(PermanentError) as caught:
        members(make_zip(contents), **limits)
    assert caught.value.error_code == code


def test_damage_is_reported_whether_it_is_in_the_archive_or_in_a_file(members, make_zip):
    whole = make_zip({"a.txt": "words " * 50})
    for data in (b"no archive", whole[:60], whole.replace(whole[40:44], b"\xff\xff\xff\xff")):
        with pytest.raises(PermanentError) as caught:
            members(data)
        assert caught.value.error_code == "damaged_file"
