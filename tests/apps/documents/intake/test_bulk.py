"""Files that come together are noted together, and it shows in nothing but the time it takes."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.documents.intake import bulk, upload_groups
from apps.documents.intake.bulk import BulkRequest, FileResult, documents_upload
from apps.documents.intake.sources import SourceFile
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services import purging
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.documents.services.purging import blobs_purge
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


def files(folder: Path, *contents: str) -> list[SourceFile]:
    """A text file for each of the contents, called after its place among them."""
    folder.mkdir(exist_ok=True)
    made = []
    for number, content in enumerate(contents):
        path = folder / f"{number}.txt"
        path.write_text(content)
        made.append(SourceFile(path.name, path, path.stat().st_size))
    return made


def taken(base: KnowledgeBase, sent: Sequence[SourceFile], **fields: Any) -> list[FileResult]:
    return list(documents_upload(BulkRequest(knowledge_base=base, files=sent, **fields), actor=ACTOR))


def told(results: Sequence[FileResult]) -> list[tuple[str, str]]:
    """Name and outcome, or the error's code."""
    return [(one.filename, one.error.error_code if one.error else str(one.outcome)) for one in results]


def counts() -> tuple[int, int, int, int]:
    """Documents, versions, events, blobs."""
    blobs = [path for path in Path(django_settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]
    return Document.objects.count(), DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs)


def test_what_comes_together_is_reported_recorded_and_announced_in_its_order(tmp_path: Path) -> None:
    base = make.knowledge_base()
    results = taken(base, files(tmp_path, *(f"Text {number}." for number in range(12))), tags=["harbour"])
    assert told(results) == [(f"{number}.txt", "created") for number in range(12)]
    versions = list(DocumentVersion.objects.order_by("pk"))
    assert [version.filename for version in versions] == [f"{number}.txt" for number in range(12)]
    assert [result.version for result in results] == versions
    assert {(version.number, version.document.title == version.filename) for version in versions} == {(1, True)}
    assert all(result.version and result.version.created_at for result in results)
    events = OutboxEvent.objects.order_by("pk")
    assert [event.payload["version_id"] for event in events] == [str(version.pk) for version in versions]
    assert list(Document.objects.values_list("tags", flat=True)) == [["harbour"]] * 12


def test_a_request_of_several_groups_is_reported_in_its_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "GROUP_FILES", 3)
    sent = files(tmp_path, "A.", "", "B.", "A.", "C.", "D.", "B.", "E.")
    outcomes = ["created", "empty_file", "created", "unchanged", "created", "created", "unchanged", "created"]
    assert told(taken(make.knowledge_base(), sent)) == [(f"{n}.txt", outcome) for n, outcome in enumerate(outcomes)]
    assert counts() == (5, 5, 5, 5)


def test_a_group_ends_where_its_bytes_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    note = bulk.uploads_note
    monkeypatch.setattr(bulk, "GROUP_BYTES", 5)
    monkeypatch.setattr(
        bulk, "uploads_note", lambda arrivals, **about: sizes.append(len(arrivals)) or note(arrivals, **about)
    )
    taken(make.knowledge_base(), files(tmp_path, "One.", "Two.", "Three."))
    assert sizes == [2, 1]


def test_the_same_bytes_twice_in_a_group_are_one_document(tmp_path: Path) -> None:
    first, other, again = taken(make.knowledge_base(), files(tmp_path, "Same.", "Other.", "Same."))
    assert told([first, other, again]) == [("0.txt", "created"), ("1.txt", "created"), ("2.txt", "unchanged")]
    assert again.version == first.version
    assert counts() == (2, 2, 2, 2)


def test_a_hundred_new_files_take_a_handful_of_statements(tmp_path: Path) -> None:
    base, sent = make.knowledge_base(), files(tmp_path, *(f"Text {number}." for number in range(100)))
    with CaptureQueriesContext(connection) as statements:
        taken(base, sent)
    assert len(statements) < 12


def test_bytes_of_a_document_that_the_caller_may_not_read_are_refused_and_the_others_taken(tmp_path: Path) -> None:
    base = make.knowledge_base()
    hidden = make.upload(base, "Secret.").version.document
    Document.objects.filter(pk=hidden.pk).update(restricted=True)
    results = taken(base, files(tmp_path, "One.", "Secret.", "Two."), principal=make.principal(base.tenant))
    assert told(results) == [("0.txt", "created"), ("1.txt", "conflict"), ("2.txt", "created")]
    assert counts() == (3, 3, 3, 3)


def test_into_a_knowledge_base_that_was_deleted_meanwhile_nothing_is_taken_and_nothing_kept(tmp_path: Path) -> None:
    base = make.knowledge_base()
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert told(taken(base, files(tmp_path, "One.", "Two."))) == [("0.txt", "not_found"), ("1.txt", "not_found")]
    assert counts()[0] == counts()[3] == 0


def test_a_group_that_cannot_be_noted_leaves_neither_rows_nor_blobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(upload_groups, "emit", broken)
    with pytest.raises(ZeroDivisionError):
        taken(make.knowledge_base(), files(tmp_path, "One.", "Two."))
    assert counts() == (0, 0, 0, 0)


def test_bytes_stay_where_the_database_stops_answering_since_it_may_have_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(upload_groups, "ring", lost)
    with pytest.raises(OperationalError):
        taken(make.knowledge_base(), files(tmp_path, "One.", "Two."))
    assert counts()[3] == 2
    monkeypatch.setattr(purging, "ORPHAN_SECONDS", -1.0)
    assert not blobs_purge(turns.long())
    assert counts()[3] == 0


def test_an_error_at_a_later_file_removes_what_was_stored_and_keeps_what_was_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, calls = bulk.upload_store, itertools.count(1)

    def broken_at_the_fourth(request: Any) -> Any:
        if next(calls) == 4:
            raise ZeroDivisionError
        return store(request)

    monkeypatch.setattr(bulk, "GROUP_FILES", 2)
    monkeypatch.setattr(bulk, "upload_store", broken_at_the_fourth)
    with pytest.raises(ZeroDivisionError):
        taken(make.knowledge_base(), files(tmp_path, "One.", "Two.", "Three.", "Four."))
    assert counts() == (2, 2, 2, 2)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def taken_meanwhile(base: KnowledgeBase, sent: Sequence[SourceFile], *other: str) -> list[FileResult]:
    """What became of the files, of which another transaction had uploaded the first of `other`, and then did the rest."""
    written, go_on = threading.Event(), threading.Event()

    def upload_the_other() -> None:
        with transaction.atomic():
            make.upload(base, other[0])
            written.set()
            go_on.wait(20)
            for content in other[1:]:
                make.upload(base, content)

    with ThreadPoolExecutor(1) as pool, make.in_background(upload_the_other):
        assert written.wait(20)
        waiting = pool.submit(make.closing(lambda: taken(base, sent)))
        try:
            wait_for(somebody_waits_for_a_lock, seconds=20, what="the group waited for the upload")
        finally:
            go_on.set()
        return waiting.result(20)


@pytest.mark.django_db(transaction=True)
def test_a_group_that_meets_one_of_its_files_half_way_takes_the_others_all_the_same(tmp_path: Path) -> None:
    results = taken_meanwhile(make.knowledge_base(), files(tmp_path, "One.", "The same.", "Two."), "The same.")
    assert told(results) == [("0.txt", "created"), ("1.txt", "unchanged"), ("2.txt", "created")]
    assert counts() == (3, 3, 3, 3)


@pytest.mark.django_db(transaction=True)
def test_a_group_that_waits_for_one_of_its_files_holds_none_that_the_other_still_wants(tmp_path: Path) -> None:
    first, last = sorted(("One.", "Two."), key=lambda content: hashlib.sha256(content.encode()).digest())
    results = taken_meanwhile(make.knowledge_base(), files(tmp_path, last, first), first, last)
    assert told(results) == [("0.txt", "unchanged"), ("1.txt", "unchanged")]
    assert counts() == (2, 2, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_requests_with_the_same_files_in_any_order_at_the_same_moment_make_each_document_once(tmp_path: Path) -> None:
    base, sent = make.knowledge_base(), files(tmp_path, *(f"Text {number}." for number in range(40)))
    turns = itertools.count()

    def upload() -> list[FileResult]:
        turn = next(turns)
        return taken(base, [*sent[turn * 10 :], *sent[: turn * 10]][:: 1 if turn % 2 else -1])

    results = make.in_parallel(4, upload)
    assert Counter(outcome for some in results for _, outcome in told(some)) == {"created": 40, "unchanged": 120}
    assert counts() == (40, 40, 40, 40)
