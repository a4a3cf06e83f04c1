"""A backup that was made in the middle of everything, and the system that comes of it."""

from __future__ import annotations

import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from apps.documents.blobs import blobs_after
from apps.documents.models import Chunk, Document, DocumentVersion
from apps.documents.services import purging
from ragsite.backups import restoring
from ragsite.backups.manifest import BLOB_LIST, DamagedBackupError, files_listed
from ragsite.backups.restoring import Restored, restore
from ragsite.backups.target import MARK
from ragsite.core.audit.models import AuditEntry
from ragsite.core.errors import ConfigurationError, ConflictError, PermanentError, ServiceUnavailableError
from ragsite.core.models import OutboxEvent
from ragsite.core.sealing import unseal
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.emptying import tables_empty
from tests.ragsite.backups.system import LAST, Made, blobs_in, database_made, quiet, system_made, working_on

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="module")
def made(django_db_setup: None, django_db_blocker: Any, folder: Path) -> Iterator[Made]:
    with django_db_blocker.unblock():
        try:
            with blobs_in(folder):
                found = system_made(folder)
            yield found
        finally:
            tables_empty(None)


@pytest.fixture(scope="module")
def restored(made: Made, folder: Path) -> Iterator[Restored]:
    """The one restored system that tests look into."""
    with database_made("restored_system") as name:
        with working_on(name, folder / "restored"):
            done = restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
        yield done


@pytest.fixture
def inside(restored: Restored, folder: Path) -> Iterator[Restored]:
    """A test that is in it."""
    with working_on("restored_system", folder / "restored"):
        yield restored


@pytest.fixture
def empty(made: Made, tmp_path: Path) -> Iterator[Path]:
    """A test that is in an empty installation."""
    with database_made("empty_system") as name, working_on(name, tmp_path):
        yield tmp_path


def nothing_was_written(folder: Path) -> bool:
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        tables = owner.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        marks = owner.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [MARK])
        return (tables.fetchone(), marks.fetchone(), [*folder.rglob("*")]) == ((0,), (0,), [])


def test_a_blob_that_was_removed_after_the_moment_of_the_backup_is_in_it(made: Made) -> None:
    listed = {file.name for file in files_listed(made.place, made.manifest, BLOB_LIST)}
    copied = {entry.name.removeprefix("blobs/") for entry in made.place.entries("blobs")}
    assert made.manifest.faults == []
    assert made.deleted.blob in listed
    assert listed <= copied
    assert not listed & set(made.late), "it was uploaded later"


def test_what_was_held_back_for_the_backup_goes_afterwards(
    made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "ORPHAN_SECONDS", -60.0)
    with blobs_in(folder):
        assert made.deleted.blob in blobs_after("", limit=10_000)
        purging.blobs_purge(turns.long())
        assert set(blobs_after("", limit=10_000)) == set(DocumentVersion.objects.values_list("blob", flat=True))


def test_a_damaged_blob_is_named_and_nothing_is_restored(made: Made, empty: Path) -> None:
    path = made.place.folder / "blobs" / made.held.blob
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    try:
        with pytest.raises(DamagedBackupError, match=f"1 files of .*blobs/{made.held.blob}: its bytes are others"):
            restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
        out = io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("backup", "verify", str(made.place.folder), "--json", stdout=out)
        assert ended.value.code == 1
        assert json.loads(out.getvalue())["faults"] == [
            {"name": f"blobs/{made.held.blob}", "what": "its bytes are others than they must be"}
        ]
    finally:
        path.write_bytes(whole)
    assert nothing_was_written(empty)


def test_another_key_is_noticed_before_anything_is_written(made: Made, empty: Path, settings: Any) -> None:
    settings.SECRET_KEY = "another-one-" * 4
    with pytest.raises(ConfigurationError, match="RAGSITE_SECRET_KEY is another one than when the backup was made"):
        restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
    assert nothing_was_written(empty)


def test_a_newer_backup_or_one_whose_roles_are_missing_is_refused(made: Made, empty: Path) -> None:
    newer = replace(made.manifest, migrations={**made.manifest.migrations, "core": ["9999_later"]})
    with pytest.raises(PermanentError, match="of a newer version"):
        restore(made.place, newer, without_keys=False, tell=quiet, actor=ACTOR)
    foreign = replace(made.manifest, roles=["ragsite_app", "reports"])
    with pytest.raises(ConfigurationError, match="The server has no role reports"):
        restore(made.place, foreign, without_keys=False, tell=quiet, actor=ACTOR)
    later = replace(made.manifest, server_version=99)
    with pytest.raises(PermanentError, match="The backup is of PostgreSQL 99"):
        restore(made.place, later, without_keys=False, tell=quiet, actor=ACTOR)
    assert nothing_was_written(empty)


def test_a_store_that_has_other_blobs_is_left_as_it_is(made: Made, empty: Path) -> None:
    other = empty / "blobs" / "0" / "1"
    other.parent.mkdir(parents=True)
    other.write_text("somebody else's")
    with pytest.raises(ConflictError, match="it has 0/1, which is not of this backup"):
        restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
    assert [path.name for path in empty.rglob("*") if path.is_file()] == ["1"]


def test_an_interrupted_restore_goes_on(made: Made, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in the middle of the blobs, of which one is half there, and once after the database."""

    def interrupted(*_: Any) -> None:
        raise ServiceUnavailableError("The machine went away.")

    monkeypatch.setattr(restoring, "migrate", lambda: None)
    first = next(files_listed(made.place, made.manifest, BLOB_LIST))
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "_database_restore", interrupted)
        with pytest.raises(ServiceUnavailableError):
            restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
    (empty / "blobs" / first.name).write_bytes(b"half")
    with monkeypatch.context() as patched:
        patched.setattr(restoring, "leases_release", interrupted)
        with pytest.raises(ServiceUnavailableError):
            restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
    with pytest.raises(ConflictError, match="is not empty"):
        restore(made.place, replace(made.manifest, id="another"), without_keys=False, tell=quiet, actor=ACTOR)
    done = restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)
    assert (done.is_whole, done.released) == (True, 1)
    with pytest.raises(ConflictError, match="is not empty"):
        restore(made.place, made.manifest, without_keys=False, tell=quiet, actor=ACTOR)


# The restored system


def test_every_row_and_blob_is_there_and_a_passage_is_found(inside: Restored) -> None:
    assert (inside.rows, inside.faults) == ({}, [])
    assert (inside.looked.title, inside.looked.by_words, inside.looked.by_vector) == ("handbook.md", True, True)
    assert inside.manifest.rows["documents_documentversion"] == DocumentVersion.objects.count() >= 4
    assert AuditEntry.objects.filter(action="backup.restored").count() == 1


def test_a_backup_of_an_older_version_is_migrated(inside: Restored) -> None:
    assert inside.migrated == [".".join(LAST)]
    assert LAST in MigrationRecorder(connection).applied_migrations()


def test_what_was_sealed_is_read_with_the_same_key(made: Made, inside: Restored) -> None:
    assert unseal(made.sealed) == "key"


def test_events_that_were_not_published_wait_with_the_ids_that_they_had(made: Made, inside: Restored) -> None:
    waiting = {str(pk) for pk in OutboxEvent.objects.filter(sent_at=None).values_list("event_id", flat=True)}
    assert set(made.waiting) <= waiting
    assert OutboxEvent.objects.exclude(sent_at=None).exists()


def test_roles_see_what_they_saw(inside: Restored) -> None:
    """The application owns nothing, and the reader sees nothing without a scope."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        policies = owner.execute("SELECT count(*) FROM pg_policies").fetchone()
        rights = owner.execute(
            "SELECT has_table_privilege('ragsite_app', 'documents_document', 'INSERT'),"
            " has_table_privilege('ragsite_app', 'core_auditentry', 'UPDATE'),"
            " (SELECT tableowner FROM pg_tables WHERE tablename = 'documents_document')"
        ).fetchone()
    assert policies is not None
    assert policies[0] > 10
    assert rights == (True, False, "ragsite_owner")


def test_workers_finish_what_was_under_way_and_nothing_is_lost_or_there_twice(made: Made, inside: Restored) -> None:
    """The worker that was at the last start it may have did not fail: it was cut off."""
    held = DocumentVersion.objects.get(pk=made.held.pk)
    assert (inside.released, held.attempts, held.lease_owner) == (1, 2, "")
    make.run_stages()
    living = Document.objects.filter(deleted_at=None)
    named = {"handbook.md", "deleted.txt", "waiting.txt", "held.txt"}
    assert named <= set(living.values_list("title", flat=True))
    assert set(living.values_list("current_version__status", flat=True)) == {"ready"}
    chunks = Counter(Chunk.objects.values_list("version_id", "ordinal"))
    assert max(chunks.values()) == 1
    assert set(Counter(living.values_list("content_hash", flat=True)).values()) == {1}
