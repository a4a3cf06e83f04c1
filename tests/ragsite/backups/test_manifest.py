"""What a backup says of itself, and what is told from lists without holding them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragsite.backups import programs, target
from ragsite.backups.copying import in_threads, missing_of
from ragsite.backups.keeping import backups_list, unnamed
from ragsite.backups.keys import keys_marked, keys_missing
from ragsite.backups.manifest import (
    DamagedBackupError,
    Fault,
    Manifest,
    StoredFile,
    Total,
    line_of,
    lines_read,
    manifest_chosen,
    manifest_read,
    manifest_write,
)
from ragsite.backups.model_files import ModelsKept, model_files, place_after
from ragsite.backups.places import Entry, FolderPlace
from ragsite.core.errors import ConfigurationError, NotFoundError, PermanentError


def stored(name: str, content: bytes = b"bytes") -> StoredFile:
    return StoredFile(name, len(content), hashlib.sha256(content).hexdigest())


def manifest(backup: str = "20260504T020000Z-01f2e3", **fields: Any) -> Manifest:
    return Manifest(
        **{
            "id": backup, "made_at": "2026-05-04T02:00:00+00:00", "ended_at": "2026-05-04T02:01:00+00:00", "version": "0.1.0",
            "server_version": 18, "migrations": {"core": ["0001_initial"]}, "roles": ["ragsite_app"], "keys": keys_marked(),
            "settings": ["REDIS_URL"], "rows": {"documents_document": 3}, "models_folder": "/srv/models",
            "files": [stored(f"backups/{backup}/database.dump")], "blobs": Total(2, 10, 1), "models": Total(),
            "faults": [Fault("blobs/a/1", "it is missing")], **fields,
        }
    )  # fmt: skip


def test_a_manifest_is_read_as_it_was_written_and_holds_no_key(tmp_path: Path, settings: Any) -> None:
    place, made = FolderPlace(tmp_path), manifest()
    manifest_write(place, made)
    assert manifest_read(place, made.id) == manifest_chosen(place, None) == made
    assert settings.SECRET_KEY not in (tmp_path / made.folder / "manifest.json").read_text()


def test_a_backup_without_a_manifest_is_unfinished_and_never_chosen(tmp_path: Path) -> None:
    place, made = FolderPlace(tmp_path), manifest()
    with pytest.raises(NotFoundError, match="There is no finished backup in"):
        manifest_chosen(place, None)
    manifest_write(place, made)
    place.write("backups/20260505T020000Z-000000/database.dump", [b"half"])
    assert [(one.id, one.manifest) for one in backups_list(place)] == [
        (made.id, made),
        ("20260505T020000Z-000000", None),
    ]
    assert manifest_chosen(place, None) == made
    with pytest.raises(NotFoundError, match="no finished backup '20260505T020000Z-000000'"):
        manifest_chosen(place, "20260505T020000Z-000000")


@pytest.mark.parametrize(
    ("old", "new"), [(b'"files": 2', b'"files": 3'), (b'"format": 1', b'"format": x'), (b"{", b"")]
)
def test_a_manifest_that_was_changed_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    place, made = FolderPlace(tmp_path), manifest()
    manifest_write(place, made)
    path = tmp_path / made.folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(DamagedBackupError, match=r"manifest\.json of .* is damaged"):
        manifest_read(place, made.id)
    assert [one.damaged for one in backups_list(place)] == [True]


def test_a_manifest_of_a_later_form_says_so(tmp_path: Path) -> None:
    place, made = FolderPlace(tmp_path), manifest()
    manifest_write(place, made)
    path = tmp_path / made.folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2', 1))
    with pytest.raises(PermanentError, match="is of the form 2, and this version knows 1"):
        manifest_read(place, made.id)


def test_a_key_is_known_by_its_mark_also_once_it_is_an_earlier_one(settings: Any) -> None:
    settings.RAGSITE_AUDIT_KEY = "audit-" * 8
    marks, key = keys_marked(), settings.SECRET_KEY
    assert keys_missing(marks) == []
    settings.SECRET_KEY = settings.RAGSITE_AUDIT_KEY = "another-" * 8
    assert keys_missing(marks) == ["RAGSITE_SECRET_KEY", "RAGSITE_AUDIT_KEY"]
    settings.SECRET_KEY_FALLBACKS = ["a-third-" * 8, key]
    settings.RAGSITE_AUDIT_EARLIER_KEYS = ("audit-" * 8,)
    assert keys_missing(marks) == []


def test_a_list_is_read_in_pieces_of_any_size() -> None:
    files = [stored("a/1"), stored("a/ü", b""), stored("b/2")]
    whole = b"".join(map(line_of, files))
    for size in (1, 7, len(whole)):
        assert list(lines_read(whole[at : at + size] for at in range(0, len(whole), size))) == files


def test_a_list_that_leads_out_of_the_store_is_refused() -> None:
    with pytest.raises(DamagedBackupError, match=r"names '\.\./secret_key'"):
        list(lines_read([line_of(stored("../secret_key"))]))


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([], ["a", "c", "e"]),
        (["a", "c", "e"], []),
        (["b", "c", "d", "f"], ["a", "e"]),
        (["0", "a"], ["c", "e"]),
    ],
)
def test_what_is_missing_is_told_from_two_lists_in_order(there: list[str], missing: list[str]) -> None:
    wanted = [stored(name) for name in "ace"]
    assert [file.name for file in missing_of(wanted, [Entry(name, 5) for name in there])] == missing


def test_a_file_of_another_size_is_missing() -> None:
    assert [file.name for file in missing_of([stored("a"), stored("b")], [Entry("a", 4), Entry("b", 5)])] == ["a"]


@pytest.mark.parametrize(
    ("there", "named", "left"),
    [("abc", "", "abc"), ("abc", "abc", ""), ("abcd", "bbx", "acd"), ("", "ab", "")],
)
def test_what_no_backup_names_is_told_from_two_lists_in_order(there: str, named: str, left: str) -> None:
    assert "".join(unnamed(there, named)) == left


def test_few_items_are_taken_before_their_turn_and_an_error_ends_it() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1_000):
            taken.append(number)
            yield number

    results = in_threads(lambda number: 100 // (50 - number), numbers())
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert len(taken) < 100


def version_file(folder: Path) -> list[dict[str, Any]]:
    return [{"name": "config.json", "bytes": 2, "sha256": hashlib.sha256(b"{}").hexdigest()}]


def test_of_models_those_are_kept_that_are_nowhere_else(tmp_path: Path) -> None:
    own = (str(tmp_path / "own"), str(tmp_path / "own"), version_file(tmp_path))
    pulled = ("owner/name", "/srv/models/owner--name/0", version_file(tmp_path))
    writer = (str(tmp_path / "w.gguf"), str(tmp_path / "w.gguf"), [{"name": "w.gguf", "bytes": 2, "sha256": "0" * 64}])
    versions = [own, pulled, writer]
    kept = {which: [str(at) for _, at in model_files(versions, which)] for which in ModelsKept}
    assert kept["own"] == [str(tmp_path / "own" / "config.json"), str(tmp_path / "w.gguf")]
    assert (kept["none"], kept["all"][1]) == ([], "/srv/models/owner--name/0/config.json")


def test_files_of_the_folder_of_models_keep_their_place_in_it() -> None:
    before, now = Path("/old/models"), Path("/new/models")
    assert place_after("/old/models/a/b", before=before, now=now) == Path("/new/models/a/b")
    assert place_after("/home/ada/tuned", before=before, now=now) == Path("/new/models/restored/home/ada/tuned")


def test_a_backup_of_a_newer_version_is_refused_and_one_of_an_older_is_not() -> None:
    with pytest.raises(PermanentError, match=r"newer version \(9\.0; this is .*the migration core\.9999_later"):
        target.migrations_lacking(manifest(version="9.0", migrations={"core": ["0001_initial", "9999_later"]}))
    lacking = target.migrations_lacking(manifest())
    assert "core.0002_progress" in lacking
    assert "core.0001_initial" not in lacking


# Programs


def program(folder: Path, said: str) -> None:
    path = folder / "pg_dump"
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o700)


def test_a_program_is_taken_from_the_path_unless_it_is_older_than_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "program_bundled", lambda name: None)
    with pytest.raises(ConfigurationError, match="pg_dump is missing"):
        programs.program_found("pg_dump", server=17)
    program(tmp_path, "pg_dump (PostgreSQL) 17.2 (Debian 17.2-1.pgdg12+1)")
    assert programs.program_found("pg_dump", server=17) == tmp_path / "pg_dump"
    with pytest.raises(ConfigurationError, match="pg_dump is of version 17, and the server of 18"):
        programs.program_found("pg_dump", server=18)
    newer = tmp_path / "newer"
    newer.mkdir()
    program(newer, "pg_dump (PostgreSQL) 18.4")
    monkeypatch.setattr(programs, "program_bundled", lambda name: newer / name)
    assert programs.program_found("pg_dump", server=18) == newer / "pg_dump"


def test_a_login_is_in_the_environment_and_not_among_the_arguments() -> None:
    told = programs.login_in_variables(
        "postgresql://ann:s%40crets@db.example:5433/rag?sslmode=verify-full&sslrootcert=/ca"
    )
    assert told == {
        "PGUSER": "ann", "PGPASSWORD": "s@crets", "PGHOST": "db.example", "PGPORT": "5433", "PGDATABASE": "rag",
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/ca",
    }  # fmt: skip


def test_keys_of_another_backup_are_not_these(settings: Any) -> None:
    one, other = manifest(), replace(manifest(), keys=keys_marked())
    assert one.keys["RAGSITE_SECRET_KEY"] != other.keys["RAGSITE_SECRET_KEY"], "a mark is salted"
