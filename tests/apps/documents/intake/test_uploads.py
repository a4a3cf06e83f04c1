from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from apps.documents.blobs import blob_path
from apps.documents.intake.uploads import Upload, UploadOutcome
from apps.documents.models import LIVING, Document, DocumentVersion, KnowledgeBaseDeletion
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


def blobs(settings: Any) -> list[Path]:
    return [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]


def test_an_upload_becomes_a_document_with_a_version_and_an_event() -> None:
    base = make.knowledge_base()
    upload = make.upload(base, "Hello harbour.", filename="note.txt")
    assert upload.outcome is UploadOutcome.CREATED
    assert (upload.version.number, upload.version.document_type, upload.version.size) == (1, "txt", 14)
    assert upload.version.document.title == "note.txt"
    assert blob_path(upload.version.blob).read_text() == "Hello harbour."
    event = OutboxEvent.objects.get()
    assert (event.type, event.key, event.sent_at) == ("document.created", str(upload.version.document_id), None)
    assert event.payload["version_id"] == str(upload.version.pk)


def test_a_document_passes_all_stages() -> None:
    version = make.ready_version()
    assert version.status == "ready", version.error
    assert version.document.current_version == version
    assert version.chunk_count == version.chunks.count() > 0
    for chunk in version.chunks.all():
        assert version.parsed.text[chunk.start : chunk.end] == chunk.text


def test_going_back_to_the_bytes_of_an_earlier_version_is_a_new_version() -> None:
    base = make.knowledge_base()
    outcomes = [make.upload(base, text, filename="a.txt", external_id="a") for text in ("One.", "Two.", "One.")]
    assert [upload.version.number for upload in outcomes] == [1, 2, 3]
    assert Document.objects.count() == 1


def test_the_same_bytes_under_another_external_id_are_the_document_that_is_there() -> None:
    base = make.knowledge_base()
    first = make.upload(base, "One.", filename="a.txt", external_id="a")
    again = make.upload(base, "One.", filename="a.txt", external_id="b")
    assert (again.outcome, again.version) == (UploadOutcome.UNCHANGED, first.version)
    assert Document.objects.get().external_id == "a"


def test_bytes_of_one_document_for_the_external_id_of_another_are_refused_and_nothing_is_kept(settings: Any) -> None:
    base = make.knowledge_base()
    make.upload(base, "One.", filename="a.txt", external_id="a")
    make.upload(base, "Two.", filename="b.txt", external_id="b")
    with pytest.raises(ConflictError, match=r"The same bytes are already in this knowledge base as 'a\.txt'"):
        make.upload(base, "One.", filename="b.txt", external_id="b")
    assert (DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs(settings))) == (2, 2, 2)


def test_a_new_version_for_a_document_that_was_deleted_meanwhile_is_refused_and_nothing_is_kept(settings: Any) -> None:
    base = make.knowledge_base()
    document = make.upload(base, "One.", filename="a.txt").version.document
    document_delete(document=document, actor=ACTOR)
    with pytest.raises(NotFoundError):
        make.upload(base, "Two.", filename="a.txt", document=document)
    assert (DocumentVersion.objects.count(), len(blobs(settings))) == (1, 1)


def test_an_upload_into_a_knowledge_base_that_was_deleted_meanwhile_is_refused_and_nothing_is_kept(
    settings: Any,
) -> None:
    base = make.knowledge_base()
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    with pytest.raises(NotFoundError):
        make.upload(base, "One.", filename="a.txt")
    assert (Document.objects.count(), OutboxEvent.objects.count(), blobs(settings)) == (0, 0, [])


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def meet_halfway(first: Callable[[], Upload], second: Callable[[], Upload]) -> Upload:
    """The outcome of `second`, which came to write while the transaction of `first` had not yet committed."""
    written, commit = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            first()
            written.set()
            commit.wait(20)

    with ThreadPoolExecutor(1) as pool, make.in_background(hold):
        assert written.wait(20)
        waiting = pool.submit(make.closing(second))
        try:
            wait_for(somebody_waits_for_a_lock, seconds=20, what="the second upload waited for the first")
        finally:
            commit.set()
        return waiting.result(20)


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_meets_its_twin_half_way_is_unchanged_and_keeps_nothing(settings: Any) -> None:
    base = make.knowledge_base()
    second = meet_halfway(
        lambda: make.upload(base, "The same.", filename="a.txt"),
        lambda: make.upload(base, "The same.", filename="b.txt"),
    )
    assert second.outcome is UploadOutcome.UNCHANGED
    assert second.version == DocumentVersion.objects.get()
    assert (OutboxEvent.objects.count(), len(blobs(settings))) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_meets_another_for_its_external_id_half_way_is_a_conflict_and_keeps_nothing(
    settings: Any,
) -> None:
    base = make.knowledge_base()
    with pytest.raises(ConflictError, match="Another upload for external id 'a' is under way"):
        meet_halfway(
            lambda: make.upload(base, "One.", filename="a.txt", external_id="a"),
            lambda: make.upload(base, "Two.", filename="b.txt", external_id="a"),
        )
    assert (DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs(settings))) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_new_bytes_for_a_document_that_meet_the_same_half_way_are_one_version(settings: Any) -> None:
    base = make.knowledge_base()
    document = make.upload(base, "Opens at seven.", external_id="hours").version.document
    second = meet_halfway(
        lambda: make.upload(base, "Opens at nine.", external_id="hours"),
        lambda: make.upload(base, "Opens at nine.", document=document),
    )
    assert second.outcome is UploadOutcome.UNCHANGED
    assert (document.versions.count(), second.version.number, len(blobs(settings))) == (2, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_uploads_that_race_with_the_deletion_of_their_knowledge_base_leave_nothing_living() -> None:
    base = make.knowledge_base()
    numbers = iter(range(8))

    def upload_or_delete() -> None:
        number = next(numbers)
        if number == 4:
            knowledge_base_delete(knowledge_base=base, actor=ACTOR)
            return
        with contextlib.suppress(NotFoundError):
            make.upload(base, f"Text {number}", filename="a.txt")

    make.in_parallel(8, upload_or_delete)
    assert not Document.objects.filter(LIVING).exists()
    total = Document.objects.count()
    make.run_deletions()
    assert not Document.objects.exists()
    deletion = KnowledgeBaseDeletion.objects.get()
    assert (deletion.document_total, deletion.document_told, deletion.document_gone) == (total, total, total)
