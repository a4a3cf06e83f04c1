from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils import timezone

from apps.documents import paired_blobs
from apps.documents.blobs import BlobDamagedError, BlobMissingError, blob_open, blob_path, blobs_after
from apps.documents.models import Document, DocumentVersion
from apps.documents.services import second_copies
from apps.documents.services.documents import document_delete
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.documents.services.second_copies import copies_keep, second_store_state
from apps.monitoring.deep import trials
from ragsite.core.errors import ConfigurationError, RagError, ServiceUnavailableError, TransientError
from ragsite.core.models import BlobCopy, Walk
from ragsite.core.storage import files
from ragsite.core.storage import s3 as s3_blobs
from ragsite.core.storage.hanging import hanging_at
from ragsite.core.storage.paired import READS, PairedBlobs
from ragsite.core.storage.places import FolderPlace, S3Place, storages_at
from ragsite.core.storage.s3_client import Patience
from ragsite.core.work import Turn
from tests import factories as make
from tests import s3
from tests.acting import ACTOR
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db

TEXT = b"The harbour has 42 berths."
Break = Callable[[DocumentVersion], None]


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    folder.mkdir()
    return folder


@pytest.fixture
def both(settings: Any, mounted: Path) -> Path:
    """Files, with copies in another folder."""
    settings.STORAGES = {**settings.STORAGES, **storages_at(None, FolderPlace(mounted))}
    return mounted


@pytest.fixture
def from_bucket(bucket: S3Place, settings: Any, mounted: Path) -> S3Place:
    """A bucket, with copies in a folder."""
    settings.STORAGES = {**settings.STORAGES, **storages_at(bucket, FolderPlace(mounted))}
    return bucket


def uploaded(content: bytes = TEXT) -> DocumentVersion:
    return make.upload(make.knowledge_base(), content, filename="a.txt").version


def copied(content: bytes = TEXT) -> DocumentVersion:
    version = uploaded(content)
    assert copies_keep(Turn.of(60)) is False
    return version


def download(version: DocumentVersion) -> bytes:
    with blob_open(version.blob, sha256=version.content_hash) as file:
        return file.read()


def reads(store: str, outcome: str) -> float:
    return READS.labels(store, outcome)._value.get()


def purged(version: DocumentVersion) -> None:
    document_delete(document=version.document, actor=ACTOR)
    documents_purge(Turn.of(60))


def again() -> bool:
    """The job some hours later."""
    Walk.objects.update(walked_at=timezone.now() - timedelta(days=1))
    return copies_keep(Turn.of(60))


def test_what_was_uploaded_is_copied_byte_for_byte_once(both: Path) -> None:
    versions = [uploaded(f"{number}".encode()) for number in range(3)]
    assert second_store_state() == second_copies.SecondStoreState(0, 0, None)
    assert copies_keep(Turn.of(60)) is False
    assert sorted(f"{path.parent.name}/{path.name}" for path in both.rglob("*") if path.is_file()) == blobs_after(
        "", limit=9
    )
    assert [(both / one.blob).read_bytes() for one in versions] == [b"0", b"1", b"2"]
    before = dict(BlobCopy.objects.values_list("name", "copied_at"))
    assert again() is False
    assert dict(BlobCopy.objects.values_list("name", "copied_at")) == before
    state = second_store_state()
    assert state is not None
    assert state.compared_at is not None


def test_without_a_second_store_nothing_is_noted(settings: Any) -> None:
    version = uploaded()
    assert copies_keep(Turn.of(60)) is False
    assert (BlobCopy.objects.count(), second_store_state(), download(version)) == (0, None, TEXT)


def test_an_upload_that_a_new_store_lacks_is_found_whatever_its_age(
    both: Path, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = copied()
    other = tmp_path / "other"
    other.mkdir()
    settings.STORAGES = {**settings.STORAGES, **storages_at(None, FolderPlace(other))}
    assert second_copies.uncopied(second_copies.place_now()).count() == 1
    monkeypatch.setattr(second_copies, "FRESH", timedelta(0))
    assert copies_keep(Turn.of(60)) is False
    assert (other / version.blob).read_bytes() == TEXT


def test_what_a_killed_copy_left_is_replaced(both: Path) -> None:
    version = uploaded()
    BlobCopy.objects.create(name=version.blob, place=second_copies.place_now())
    (both / version.blob).parent.mkdir()
    (both / version.blob).write_bytes(TEXT[:5])
    assert copies_keep(Turn.of(60)) is False
    assert (both / version.blob).read_bytes() == TEXT
    assert BlobCopy.objects.get().copied_at is not None


def missing(version: DocumentVersion) -> None:
    blob_path(version.blob).unlink()


def damaged(version: DocumentVersion) -> None:
    blob_path(version.blob).write_bytes(TEXT[::-1])


def hanging(version: DocumentVersion) -> None:
    missing(version)
    os.mkfifo(blob_path(version.blob))


@pytest.mark.parametrize(
    ("deed", "outcome"),
    [(missing, "missing"), (damaged, "damaged"), (hanging, "failed")],
    ids=["missing", "damaged", "hanging"],
)
def test_a_file_that_the_first_store_does_not_give_comes_from_the_second(
    both: Path, monkeypatch: pytest.MonkeyPatch, deed: Break, outcome: str
) -> None:
    monkeypatch.setattr(paired_blobs, "SLOW_SECONDS", 0.2)
    version = copied()
    deed(version)
    first, second = reads("first", outcome), reads("second", "given")
    assert download(version) == TEXT
    assert (reads("first", outcome), reads("second", "given")) == (first + 1, second + 1)
    make.run_stages()
    version.refresh_from_db()
    assert version.status == "ready"


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_bucket_that_hangs_costs_each_process_three_short_waits_and_then_none(
    from_bucket: S3Place, settings: Any, mounted: Path, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_blobs, "HURRIED", Patience(connect=0.2, read=0.2, tries=1))
    version = copied()
    hung = replace(from_bucket, endpoint_url=silence)
    settings.STORAGES = {**settings.STORAGES, **storages_at(hung, FolderPlace(mounted))}
    with opened_counted() as asked:
        assert {download(version) for _ in range(5)} == {TEXT}
    assert len(asked) == 3
    make.run_stages()
    version.refresh_from_db()
    assert version.status == "ready"


@contextmanager
def opened_counted() -> Iterator[list[str]]:
    """The names that are asked of buckets in the block."""
    asked: list[str] = []
    plain = s3_blobs.S3Blobs._open

    def counting(self: Any, name: str, mode: str = "rb") -> Any:
        asked.append(name)
        return plain(self, name, mode)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(s3_blobs.S3Blobs, "_open", counting)
        yield asked


def test_of_two_stores_that_fail_the_one_is_told_that_leaves_hope(both: Path) -> None:
    version = copied()
    damaged(version)
    (both / version.blob).write_bytes(b"else")
    with pytest.raises(BlobDamagedError):
        download(version)
    missing(version)
    with pytest.raises(BlobDamagedError):
        download(version)
    (both / version.blob).unlink()
    with pytest.raises(BlobMissingError):
        download(version)


def test_while_the_first_store_is_down_a_file_without_a_copy_may_still_come_back(
    from_bucket: S3Place, settings: Any, mounted: Path
) -> None:
    version = uploaded()
    with s3.misbehaving(from_bucket, status=503, body=s3.error_body("SlowDown")) as down:
        settings.STORAGES = {**settings.STORAGES, **storages_at(down, FolderPlace(mounted))}
        with pytest.raises(TransientError):
            download(version)


def test_what_is_deleted_leaves_both_stores_and_the_record(both: Path) -> None:
    version = copied()
    purged(version)
    assert not blob_path(version.blob).exists()
    assert (list(both.rglob("*/*")), BlobCopy.objects.count()) == ([], 0)


def test_what_was_deleted_while_the_second_store_was_away_leaves_it_later(both: Path) -> None:
    version, kept = copied(), copied(b"Another file.")
    away = both.rename(both.with_name("away"))
    purged(version)
    assert not Document.objects.filter(pk=version.document_id).exists()
    assert not blob_path(version.blob).exists()
    with pytest.raises(TransientError, match="missing or cannot be written"):
        again()
    assert not both.exists(), "nothing is written where its disk is not mounted"
    away.rename(both)
    assert again() is False
    assert not (both / version.blob).exists()
    assert download(kept) == (both / kept.blob).read_bytes() == b"Another file."
    assert BlobCopy.objects.count() == 1


def test_what_was_deleted_while_the_first_store_was_away_leaves_it_later(
    from_bucket: S3Place, settings: Any, mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, here = copied(), settings.STORAGES
    with s3.misbehaving(from_bucket, status=403, body=s3.error_body("AccessDenied")) as down:
        settings.STORAGES = {**here, **storages_at(down, FolderPlace(mounted))}
        with pytest.raises(TransientError):
            purged(version)
    assert (BlobCopy.objects.count(), len(s3.keys_in(from_bucket))) == (0, 1)
    settings.STORAGES = here
    monkeypatch.setattr("apps.documents.services.purging.ORPHAN_SECONDS", -60.0)
    blobs_purge(Turn.of(60))
    assert s3.keys_in(from_bucket) == []


def test_a_file_that_the_first_store_damaged_is_not_copied_and_told(both: Path) -> None:
    damaged(uploaded())
    missing(uploaded(b"Gone."))
    assert copies_keep(Turn.of(60)) is False
    assert sorted(BlobCopy.objects.values_list("error", "copied_at")) == [("damaged", None), ("missing", None)]
    assert [path for path in both.rglob("*") if path.is_file()] == []
    with pytest.raises(ServiceUnavailableError, match=r"2 files can't be copied"):
        trials.second_storage()


def test_a_store_that_does_not_answer_ends_the_run_and_what_was_copied_is_kept(both: Path) -> None:
    good = uploaded()
    bad = uploaded(b"Of a tenant whose folder is in the way.")
    (both / bad.blob).parent.write_text("in the way")
    with pytest.raises(TransientError):
        copies_keep(Turn.of(60))
    assert list(BlobCopy.objects.exclude(copied_at=None).values_list("name", flat=True)) == [good.blob]


@pytest.fixture
def hung(both: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The second store's disk hangs until this is called."""
    back = threading.Event()
    plain = files.folder_check

    def when_it_is_back(folder: Path) -> None:
        back.wait()
        plain(folder)

    monkeypatch.setattr(files, "folder_check", when_it_is_back)
    monkeypatch.setattr(files, "STALLED_SECONDS", 0.1)
    monkeypatch.setattr(files, "ASKING_SECONDS", 0.1)
    yield back.set
    back.set()
    wait_for(lambda: not hanging_at(str(both)), seconds=10, what="the threads to come back")


def test_a_folder_that_hangs_holds_up_neither_the_copying_job_nor_a_deletion_and_is_full_once_it_is_back(
    both: Path, hung: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_copies, "FRESH", timedelta(0))
    gone, kept = uploaded(), uploaded(b"Another file.")
    BlobCopy.objects.create(name=gone.blob, place=second_copies.place_now(), copied_at=timezone.now())
    with pytest.raises(TransientError, match="does not answer"):
        copies_keep(Turn.of(60))
    with pytest.raises(TransientError, match="does not answer"):
        trials.second_storage()
    purged(gone)
    assert not blob_path(gone.blob).exists()
    assert list(BlobCopy.objects.filter(copied_at=None).values_list("name", flat=True)) == [kept.blob]
    hung()
    wait_for(lambda: not hanging_at(str(both)), seconds=10, what="the threads to come back")
    assert again() is False
    assert download(kept) == (both / kept.blob).read_bytes() == b"Another file."
    assert list(BlobCopy.objects.values_list("name", flat=True)) == [kept.blob]


def test_copies_that_are_late_are_told_in_the_deep_check(both: Path) -> None:
    version = uploaded()
    assert trials.second_storage() == trials.FIRST_COPIES
    DocumentVersion.objects.filter(pk=version.pk).update(created_at=timezone.now() - timedelta(minutes=20))
    with pytest.raises(ServiceUnavailableError, match="1 files that were uploaded more than 15 minutes ago"):
        trials.second_storage()
    assert copies_keep(Turn.of(60)) is False
    assert trials.second_storage() == ""
    Walk.objects.filter(name__startswith="copies whole").update(
        position=(timezone.now() - timedelta(days=2)).isoformat()
    )
    with pytest.raises(ServiceUnavailableError, match="not been compared for more than a day"):
        trials.second_storage()
    both.rename(both.with_name("away"))
    with pytest.raises(RagError, match="missing or cannot be written"):
        trials.second_storage()


def test_copies_that_are_read_and_found_wrong_are_made_anew(
    both: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_copies, "FRESH", timedelta(0))
    version = copied()
    (both / version.blob).write_bytes(b"rotten")
    assert wrong_copies(capsys, "--read", "--dry-run") == 1
    assert copies_keep(Turn.of(60)) is False
    assert (both / version.blob).read_bytes() == b"rotten"
    assert wrong_copies(capsys, "--read") == 1
    assert copies_keep(Turn.of(60)) is False
    assert wrong_copies(capsys, "--read") == 0
    assert (both / version.blob).read_bytes() == TEXT


def wrong_copies(capsys: pytest.CaptureFixture[str], *options: str) -> int:
    with suppress(SystemExit):
        call_command("second_store", "--json", *options)
    return int(json.loads(capsys.readouterr().out)["wrong"])


def test_the_folder_of_the_first_store_is_refused_as_the_second(settings: Any) -> None:
    uploaded()
    settings.STORAGES = {**settings.STORAGES, **storages_at(None, FolderPlace(Path(settings.RAGSITE_BLOB_DIR)))}
    with pytest.raises(ConfigurationError, match="lie already"):
        copies_keep(Turn.of(60))


def test_a_picture_has_no_hash_and_is_asked_of_the_first_store_alone(both: Path) -> None:
    version = copied()
    missing(version)
    with pytest.raises(BlobMissingError):
        blob_open(version.blob)
    assert isinstance(storages["paired_blobs"], PairedBlobs)
