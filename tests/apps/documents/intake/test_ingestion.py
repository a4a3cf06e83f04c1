from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.documents.intake import ingestion as ingesting
from apps.documents.intake.bulk import FileResult
from apps.documents.intake.found_files import files_found
from apps.documents.intake.ingestion import Ingestion, file_ingest, knowledge_base_named, versions_settle
from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete
from ragsite.core.errors import ConflictError, NotFoundError, TransientError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("A.")
    (folder / "sub" / "b.md").write_text("# B")
    return folder


def ingest(base: KnowledgeBase, *paths: Path, **options: bool) -> list[FileResult]:
    plan = Ingestion(knowledge_base=base, **options)
    return [
        result for file in files_found([str(path) for path in paths]) for result in file_ingest(plan, file, actor=ACTOR)
    ]


def told(results: list[FileResult]) -> list[tuple[str, str | None]]:
    return [(result.filename, result.error.error_code if result.error else str(result.outcome)) for result in results]


def state(settings: Any) -> tuple[int, int, int, int]:
    """Documents, versions, events, blobs."""
    blobs = [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]
    return Document.objects.count(), DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs)


def test_a_document_is_known_by_its_path_so_a_changed_file_is_a_new_version(base: KnowledgeBase, docs: Path) -> None:
    assert told(ingest(base, docs)) == [("a.txt", "created"), ("sub/b.md", "created")]
    (docs / "sub" / "b.md").write_text("# B, revised")
    assert told(ingest(base, docs)) == [("a.txt", "unchanged"), ("sub/b.md", "new_version")]
    assert set(Document.objects.values_list("external_id", flat=True)) == {"a.txt", "sub/b.md"}
    assert DocumentVersion.objects.count() == 3


def test_each_member_of_a_zip_is_a_document(base: KnowledgeBase, docs: Path) -> None:
    with zipfile.ZipFile(docs / "more.zip", "w") as archive:
        archive.writestr("c.txt", "C.")
        archive.writestr("x/d.exe", "MZ")
    assert told(ingest(base, docs / "more.zip")) == [
        ("more.zip/c.txt", "created"),
        ("more.zip/x/d.exe", "unknown_type"),
    ]
    assert Document.objects.get().external_id == "more.zip/c.txt"


def test_a_refused_file_hinders_no_other(base: KnowledgeBase, docs: Path, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1000
    (docs / "big.txt").write_text("x" * 1001)
    (docs / "empty.txt").write_text("")
    (docs / "picture.png").write_bytes(b"\x89PNG")
    assert told(ingest(base, docs)) == [
        ("a.txt", "created"),
        ("big.txt", "upload_too_large"),
        ("empty.txt", "empty_file"),
        ("picture.png", "unknown_type"),
        ("sub/b.md", "created"),
    ]
    assert state(settings) == (2, 2, 2, 2)


def test_a_file_that_cannot_be_read_is_distinguished_from_a_full_storage(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuses(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuses)
    for options in ({}, {"dry_run": True}, {"resume": True}):
        refused, taken = ingest(base, docs, **options)
        assert refused.error is not None
        assert (refused.error.error_code, taken.error) == ("unreadable_file", None)
        assert refused.error.message == "'a.txt' can't be read: Permission denied."


def test_a_dry_run_says_what_would_happen_and_writes_nothing(base: KnowledgeBase, docs: Path, settings: Any) -> None:
    ingest(base, docs)
    before = state(settings)
    (docs / "sub" / "b.md").write_text("# B, revised")
    (docs / "c.txt").write_text("C.")
    (docs / "fake.pdf").write_text("no PDF")
    with zipfile.ZipFile(docs / "d.zip", "w") as archive:
        archive.writestr("d.txt", "D.")
        archive.writestr("copy-of-a.txt", "A.")
    foreseen = told(ingest(base, docs, dry_run=True))
    assert foreseen == [
        ("a.txt", "unchanged"),
        ("c.txt", "created"),
        ("d.zip/d.txt", "created"),
        ("d.zip/copy-of-a.txt", "created"),
        ("fake.pdf", "type_mismatch"),
        ("sub/b.md", "new_version"),
    ]
    assert state(settings) == before
    assert told(ingest(base, docs)) == foreseen


def test_a_dry_run_foresees_a_conflict(base: KnowledgeBase, docs: Path) -> None:
    ingest(base, docs)
    (dry, _), (wet, _) = ingest(base, docs, dry_run=True, restricted=True), ingest(base, docs, restricted=True)
    assert dry.error is not None
    assert wet.error is not None
    assert dry.error.sentence == wet.error.sentence
    assert dry.error.error_code == "conflict"


def test_files_that_swapped_their_contents_are_taken_in_one_run(base: KnowledgeBase, docs: Path) -> None:
    ingest(base, docs)
    one, other = docs / "a.txt", docs / "sub" / "b.md"
    texts = other.read_text(), one.read_text()
    one.write_text(texts[0])
    other.write_text(texts[1])
    foreseen = told(ingest(base, docs, dry_run=True))
    assert foreseen == [("a.txt", "new_version"), ("sub/b.md", "new_version")] == told(ingest(base, docs))
    assert told(ingest(base, docs, resume=True)) == [("a.txt", "unchanged"), ("sub/b.md", "unchanged")]


def test_resuming_does_not_store_again_what_is_there(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, _) = ingest(base, docs)
    uploaded = []
    upload = ingesting.document_upload

    def noting(request: Any, **about: Any) -> Any:
        uploaded.append(request.external_id)
        return upload(request, **about)

    monkeypatch.setattr(ingesting, "document_upload", noting)
    (docs / "c.txt").write_text("C.")
    results = ingest(base, docs, resume=True)
    assert told(results) == [("a.txt", "unchanged"), ("c.txt", "created"), ("sub/b.md", "unchanged")]
    assert uploaded == ["c.txt"]
    assert results[0].version == first.version


def test_a_large_file_passes_through_in_pieces(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "a.txt").write_bytes(b"Words of a long text. " * 100_000)
    largest = 0
    update = hashlib.sha256

    class Measuring:
        def __init__(self) -> None:
            self._digest = update()

        def update(self, part: bytes) -> None:
            nonlocal largest
            largest = max(largest, len(part))
            self._digest.update(part)

        def hexdigest(self) -> str:
            return self._digest.hexdigest()

    monkeypatch.setattr("apps.documents.blobs.hashlib", SimpleNamespace(sha256=Measuring))
    assert told(ingest(base, docs / "a.txt")) == [("a.txt", "created")]
    assert 0 < largest <= 256 * 1024


def test_a_knowledge_base_is_found_by_name_or_id(base: KnowledgeBase) -> None:
    assert knowledge_base_named(base.name) == knowledge_base_named(str(base.pk)) == base
    assert knowledge_base_named(base.name, tenant=base.tenant.name) == base
    assert knowledge_base_named(base.name, tenant=base.tenant.slug) == base


def test_a_name_that_several_tenants_use_needs_the_tenant(base: KnowledgeBase) -> None:
    other = make.knowledge_base(name=base.name)
    first, second = sorted([base.tenant.name, other.tenant.name])
    with pytest.raises(ConflictError, match=f"'{first}', '{second}' each have a knowledge base"):
        knowledge_base_named(base.name)
    assert knowledge_base_named(base.name, tenant=other.tenant.name) == other


def test_a_missing_knowledge_base_is_reported(base: KnowledgeBase) -> None:
    KnowledgeBase.objects.update(deleted_at=Now())
    for name, tenant in ((base.name, ""), (str(base.pk), ""), ("Other", ""), (base.name, "Nobody")):
        with pytest.raises(NotFoundError, match="There is no knowledge base"):
            knowledge_base_named(name, tenant=tenant)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(ingesting, "STALLED_SECONDS", 10.0)


@pytest.mark.usefixtures("_quick")
def test_versions_are_given_as_they_end_and_deleted_ones_are_not_waited_for(base: KnowledgeBase) -> None:
    good, bad, gone, stopped = (
        make.upload(base, "Good.", filename="a.txt").version,
        make.upload(base, make.BROKEN_PDF, filename="b.pdf").version,
        make.upload(base, "Gone.", filename="c.txt").version,
        make.upload(base, "Stopped.", filename="d.txt").version,
    )
    document_delete(document=gone.document, actor=ACTOR)
    version_cancel(version=stopped, actor=ACTOR)
    make.run_stages()
    settled = {version.pk: version.status for version in versions_settle({good.pk, bad.pk, gone.pk, stopped.pk})}
    assert settled == {good.pk: "ready", bad.pk: "failed", stopped.pk: "cancelled"}


@pytest.mark.usefixtures("_quick")
def test_waiting_ends_when_no_worker_does_anything(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "STALLED_SECONDS", 0.05)
    version = make.upload(base).version
    with pytest.raises(TransientError, match="No worker did anything on the 1 versions"):
        list(versions_settle({version.pk}))


@pytest.mark.usefixtures("_quick")
@pytest.mark.django_db(transaction=True)
def test_versions_that_are_being_worked_on_are_waited_for(base: KnowledgeBase) -> None:
    ids = {make.upload(base).version.pk for _ in range(3)}
    with make.in_background(make.run_stages):
        assert {version.pk for version in versions_settle(ids)} == ids
