"""Documents whose bytes lie in a bucket: from upload to removal, with everything that may go wrong on the way."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from apps.documents.blobs import blob_store, blobs_delete
from apps.documents.intake import uploads
from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services import purging
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.retrieval.models import Embedding
from ragsite.core.storage.places import S3Place
from ragsite.core.storage.scratch import FOLDER
from ragsite.core.storage.store import Parts
from tests import factories as make
from tests import s3, turns
from tests.acting import ACTOR
from tests.apps.documents.api.uploading import counts, upload

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ["visitor-handbook.md", "weather-station.html", "telescope-manual.pdf", "safety-rules.docx", "night-log.txt"]


@pytest.fixture
def base(bucket: S3Place) -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return Client(headers=make.headers(base.tenant))


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody names is swept however young it is."""
    monkeypatch.setattr(purging, "ORPHAN_SECONDS", -5.0)


def keys_of(place: S3Place, *versions: DocumentVersion) -> list[str]:
    return sorted(f"{place.prefix}/{version.blob}" for version in versions)


def fetched() -> list[Path]:
    """Copies for parsers that are still there."""
    folder = Path(django_settings.RAGSITE_DATA_DIR, FOLDER)
    return list(folder.iterdir()) if folder.exists() else []


def test_every_format_is_taken_in_and_its_bytes_are_in_the_bucket_and_nowhere_else(
    client: Client, base: KnowledgeBase, bucket: S3Place
) -> None:
    for name in NAMES:
        with s3.requests_counted(bucket) as made:
            assert upload(client, base, (SAMPLES / name).read_bytes(), name).status_code == 202
        assert made == ["PutObject"], "what was stored was fetched again"
    make.run_stages()

    versions = list(DocumentVersion.objects.all())
    assert [version.error for version in versions if version.status != "ready"] == []
    assert s3.keys_in(bucket) == keys_of(bucket, *versions)
    assert Embedding.objects.count() == sum(version.chunk_count for version in versions) > 0
    assert (counts()[3], fetched()) == (0, [])


def test_a_file_comes_back_from_the_bucket_as_it_was_uploaded(
    client: Client, base: KnowledgeBase, bucket: S3Place
) -> None:
    content = (SAMPLES / "telescope-manual.pdf").read_bytes()
    made = upload(client, base, content, "telescope-manual.pdf").json()
    response = client.get(f"{made['version']['url']}file/")
    assert b"".join(response.streaming_content) == content  # type: ignore[attr-defined]  # it streams
    assert int(response["Content-Length"]) == len(content)
    blobs_delete([DocumentVersion.objects.get().blob])
    gone = client.get(f"{made['version']['url']}file/")
    assert (gone.status_code, gone.json()["code"]) == (422, "blob_missing")


@pytest.mark.usefixtures("_at_once")
def test_what_is_deleted_leaves_the_bucket_and_what_nobody_names_is_swept(base: KnowledgeBase, bucket: S3Place) -> None:
    kept, deleted = make.ready_version(base), make.ready_version(base)
    other = make.ready_version(make.knowledge_base())
    orphan = blob_store().save(f"{base.tenant_id}/{base.pk}", Parts([b"left"]))
    document_delete(document=deleted.document, actor=ACTOR)
    assert not documents_purge(turns.long())
    assert s3.keys_in(bucket) == sorted([*keys_of(bucket, kept, other), f"{bucket.prefix}/{orphan}"])

    assert not blobs_purge(turns.long())
    assert s3.keys_in(bucket) == keys_of(bucket, kept, other)

    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    assert s3.keys_in(bucket) == keys_of(bucket, other)


def test_refused_files_leave_nothing(client: Client, base: KnowledgeBase, bucket: S3Place, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1_000_000
    for name, content in (("a.pdf", "no pdf"), ("a.docx", b"PK\x03\x04 no archive"), ("a.txt", "x" * 1_000_001)):
        assert upload(client, base, content, name).status_code in (413, 422)
    assert (counts(), s3.keys_in(bucket), s3.begun_in(bucket), fetched()) == ((0, 0, 0, 0), [], [], [])


def test_the_same_bytes_twice_are_one_object(base: KnowledgeBase, bucket: S3Place) -> None:
    first, second = (make.upload(base, "The harbour has 42 berths.", filename="a.txt") for _ in range(2))
    assert second.version == first.version
    assert s3.keys_in(bucket) == keys_of(bucket, first.version)


def test_a_version_whose_object_is_missing_fails_in_words_and_is_parsed_once_it_is_back(
    base: KnowledgeBase, bucket: S3Place
) -> None:
    version = make.upload(base, "The harbour has 42 berths.", filename="a.txt").version
    blob_store().remove([version.blob])
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.error_code) == ("failed", "blob_missing")
    blob_store().save(version.blob, Parts([b"The harbour has 42 berths."]))
    version_retry(version=version, actor=ACTOR)
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.error) == ("ready", "")


def test_while_the_server_is_away_uploads_are_refused_for_now_and_versions_wait_in_words(
    client: Client, base: KnowledgeBase, bucket: S3Place, settings: Any
) -> None:
    version = make.upload(base).version
    s3.blobs_at(settings, replace(bucket, endpoint_url="http://127.0.0.1:1"))
    response = upload(client, base)
    assert (response.status_code, response.json()["code"]) == (503, "storage_failed")
    make.run_stages()
    version.refresh_from_db()
    record = version.stages.get()
    assert (version.status, record.outcome, record.error_code) == ("uploaded", "postponed", "storage_failed")
    assert record.error.startswith("The storage for documents does not answer: Could not connect")
    health = client.get("/health/ready").json()
    assert (health["status"], health["checks"]["database"]) == ("degraded", "ok")
    assert health["checks"]["blobs"].startswith("The storage for documents does not answer")
    assert (Document.objects.count(), fetched()) == (1, [])

    s3.blobs_at(settings, bucket)
    DocumentVersion.objects.update(not_before=Now())
    assert upload(client, base).status_code == 202
    make.run_stages()
    assert set(DocumentVersion.objects.values_list("status", flat=True)) == {"ready"}
    assert client.get("/health/ready").json()["checks"]["blobs"] == "ok"


@pytest.mark.usefixtures("_at_once")
def test_what_cannot_be_removed_now_is_left_to_the_sweep_and_the_caller_learns_what_happened(
    base: KnowledgeBase, bucket: S3Place, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.upload(base, "The harbour has 42 berths.", filename="a.txt")
    note = uploads._note

    def store_away(*arguments: Any) -> Any:
        s3.blobs_at(settings, replace(bucket, endpoint_url="http://127.0.0.1:1"))
        return note(*arguments)

    monkeypatch.setattr(uploads, "_note", store_away)
    assert make.upload(base, "The harbour has 42 berths.", filename="a.txt").outcome == "unchanged"
    s3.blobs_at(settings, bucket)
    assert len(s3.keys_in(bucket)) == 2
    assert not blobs_purge(turns.long())
    assert s3.keys_in(bucket) == keys_of(bucket, DocumentVersion.objects.get())


@pytest.mark.usefixtures("_at_once")
def test_who_is_killed_between_upload_and_commit_leaves_an_object_that_the_sweep_takes(
    base: KnowledgeBase, bucket: S3Place
) -> None:
    connection.close()
    pid = os.fork()
    if pid == 0:
        uploads._note = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        try:
            make.upload(base)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert (len(s3.keys_in(bucket)), DocumentVersion.objects.count()) == (1, 0)
    assert not blobs_purge(turns.long())
    assert s3.keys_in(bucket) == []


def test_who_is_killed_while_it_parses_leaves_a_copy_that_goes_with_the_next_one(
    base: KnowledgeBase, bucket: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make.upload(base).version
    connection.close()
    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(
            "apps.documents.parsing.text.markdown.MarkdownParser.parse", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        )
        try:
            make.run_stages()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert len(fetched()) == 1
    DocumentVersion.objects.update(lease_until=None, not_before=Now())
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, fetched()) == ("ready", [])
