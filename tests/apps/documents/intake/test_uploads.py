from __future__ import annotations

import contextlib
import threading
import unicodedata
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


def test_the_same_bytes_under_the_same_name_or_none_make_nothing_new() -> None:
    base = make.knowledge_base()
    first = make.upload(base, "One.", filename="a.txt", external_id="a")
    again = [make.upload(base, "One.", filename="a.txt", external_id=name) for name in ("a", "")]
    assert {(one.outcome, one.version) for one in again} == {(UploadOutcome.UNCHANGED, first.version)}
    unnamed = make.upload(base, "Two.", filename="b.txt")
    named = make.upload(base, "Two.", filename="b.txt", external_id="b")
    assert (named.outcome, named.version) == (UploadOutcome.UNCHANGED, unnamed.version)
    assert Document.objects.count() == 2


def test_a_document_may_come_to_hold_the_bytes_of_another_one_and_each_has_versions_as_ever() -> None:
    base = make.knowledge_base()
    pool = make.upload(base, "One.", filename="a.txt", external_id="pool").version.document
    sauna = make.upload(base, "Two.", filename="b.txt", external_id="sauna").version.document
    outcomes = [
        make.upload(base, "Moved.", filename="a.txt", document=pool),
        make.upload(base, "Moved.", filename="b.txt", external_id="sauna"),
        make.upload(base, "Moved.", filename="b.txt", external_id="sauna"),
        make.upload(base, "One.", filename="a.txt", external_id="pool"),
        make.upload(base, "One.", filename="b.txt", document=sauna),
        make.upload(base, "Moved.", filename="c.txt"),
    ]
    assert [upload.outcome.value for upload in outcomes] == [
        *("new_version", "new_version", "unchanged", "new_version", "new_version", "created"),
    ]
    assert [document.versions.count() for document in (pool, sauna)] == [3, 3]


def test_bytes_with_an_external_id_of_their_own_are_a_document_of_their_own() -> None:
    base = make.knowledge_base()
    made = [make.upload(base, "The same.", filename="a.txt", external_id=name) for name in ("a", "b", "c")]
    assert {upload.outcome for upload in made} == {UploadOutcome.CREATED}
    # That one goes on to other bytes takes nothing from the others.
    make.upload(base, "Other.", filename="a.txt", external_id="a")
    again = make.upload(base, "The same.", filename="b.txt")
    assert again.version.document == made[1].version.document
    with pytest.raises(ConflictError, match="is not restricted"):
        make.upload(base, "The same.", external_id="d", restricted=True)


def test_files_that_swap_their_contents_end_right_in_one_run() -> None:
    base = make.knowledge_base()
    for texts in (("One.", "Two.", "Three."), ("Two.", "One.", "One."), ("Two.", "One.", "Three.")):
        outcomes = [make.upload(base, text, external_id=f"{n}.txt").outcome for n, text in enumerate(texts)]
    assert outcomes == [UploadOutcome.UNCHANGED, UploadOutcome.UNCHANGED, UploadOutcome.NEW_VERSION]
    newest = DocumentVersion.objects.order_by("document_id", "-number").distinct("document_id")
    held = {one.document.external_id: blob_path(one.blob).read_text() for one in newest.select_related("document")}
    assert held == {"0.txt": "Two.", "1.txt": "One.", "2.txt": "Three."}


NAME = "Übersicht Räume.md"


def test_a_name_is_the_same_in_both_spellings_of_unicode() -> None:
    base = make.knowledge_base()
    spelled = [unicodedata.normalize(form, NAME) for form in ("NFC", "NFD")]
    first = make.upload(base, "# Achtzig", filename=spelled[1], external_id=spelled[1], metadata={spelled[1]: spelled})
    document = first.version.document
    assert (document.external_id, document.title, first.version.filename) == (spelled[0],) * 3
    assert document.metadata == {spelled[0]: [spelled[0]] * 2}
    # As one was kept that is older.
    Document.objects.update(external_id=spelled[1])
    outcomes = [make.upload(base, f"# {name}", filename=name, external_id=name).outcome.value for name in spelled]
    assert outcomes == ["new_version", "new_version"]
    assert Document.objects.count() == 1


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
def test_uploads_of_the_same_bytes_under_two_names_that_meet_half_way_are_two_documents() -> None:
    base = make.knowledge_base()
    second = meet_halfway(
        lambda: make.upload(base, "The same.", filename="a.txt", external_id="a"),
        lambda: make.upload(base, "The same.", filename="b.txt", external_id="b"),
    )
    assert second.outcome is UploadOutcome.CREATED
    assert sorted(Document.objects.values_list("external_id", flat=True)) == ["a", "b"]


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
