from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from apps.documents.blobs import blob_path, blob_write
from apps.documents.models import Chunk, Document, DocumentVersion, ParsedText, StageRecord
from apps.documents.services import purging
from apps.documents.services.documents import (
    document_delete,
    document_update,
)
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.retrieval.models import Citation, Embedding, Query
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import NotFoundError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests import turns
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def deleted_events() -> int:
    return OutboxEvent.objects.filter(type="document.deleted").count()


def test_deleting_twice_is_one_deletion() -> None:
    document = make.upload(make.knowledge_base()).version.document
    document_delete(document=document, actor=ACTOR)
    first = Document.objects.get().deleted_at
    document_delete(document=document, actor=ACTOR)
    assert Document.objects.get().deleted_at == first is not None
    assert deleted_events() == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_by_many_at_once_is_one_deletion() -> None:
    document = make.upload(make.knowledge_base()).version.document
    make.in_parallel(6, lambda: document_delete(document=document, actor=ACTOR))
    assert deleted_events() == 1


def test_a_deleted_documents_work_is_not_taken_up() -> None:
    version = make.upload(make.knowledge_base()).version
    document_delete(document=version.document, actor=ACTOR)
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.attempts) == ("uploaded", 0)


def test_a_version_whose_document_is_deleted_under_way_never_becomes_current() -> None:
    version = make.upload(make.knowledge_base()).version
    make.run_stages(["parse", "chunk", "embed"])
    document_delete(document=version.document, actor=ACTOR)
    make.run_stages()
    assert Document.objects.get().current_version is None


def test_purging_removes_rows_chunks_vectors_and_bytes_of_deleted_documents_only(settings: Any) -> None:
    base = make.knowledge_base()
    doomed, kept = make.ready_version(base), make.ready_version(base)
    answer = ask(
        SearchRequest("How many berths for guests has the harbour?"),
        scope=make.scope(base),
        actor=ACTOR,
        deadline=make.soon(),
    )
    assert answer.citations.exists()
    document_delete(document=doomed.document, actor=ACTOR)
    assert not documents_purge(turns.long())
    assert list(DocumentVersion.objects.all()) == [kept]
    for kind in (Chunk, ParsedText, StageRecord, Citation):
        assert set(kind.objects.values_list("version", flat=True)) <= {kept.pk}
    assert Embedding.objects.count() == Chunk.objects.count() == kept.chunk_count
    assert not blob_path(doomed.blob).exists()
    assert [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()] == [blob_path(kept.blob)]
    assert Query.objects.count() == 1
    assert not documents_purge(turns.long())
    assert Document.objects.count() == 1


def test_purging_takes_no_more_in_one_bite_than_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "DOCUMENTS", 2)
    base = make.knowledge_base()
    for _ in range(3):
        document_delete(document=make.upload(base).version.document, actor=ACTOR)
    assert documents_purge(turns.short(1))
    assert Document.objects.count() == 1
    assert not documents_purge(turns.long())
    assert not Document.objects.exists()


def test_only_blobs_that_no_version_names_are_purged_and_only_after_a_while() -> None:
    named = blob_path(make.upload(make.knowledge_base()).version.blob)
    tenant_id = DocumentVersion.objects.get().document.tenant_id
    fresh, old = (blob_path(blob_write([b"left"], tenant_id=tenant_id, filename="x").name) for _ in range(2))
    long_ago = time.time() - 2 * 3600
    for path in (named, old):
        os.utime(path, (long_ago, long_ago))
    assert not blobs_purge(turns.long())
    assert (named.exists(), fresh.exists(), old.exists()) == (True, True, False)


def test_a_document_that_was_deleted_meanwhile_is_not_changed() -> None:
    document = make.upload(make.knowledge_base()).version.document
    document_delete(document=document, actor=ACTOR)
    with pytest.raises(NotFoundError, match="it was deleted a moment ago"):
        document_update(document=document, title="Another", actor=ACTOR)
    assert not Document.objects.filter(title="Another").exists()


@pytest.mark.django_db(transaction=True)
def test_changes_of_different_fields_at_the_same_moment_are_all_kept() -> None:
    document = make.upload(make.knowledge_base()).version.document
    changes = iter([{"title": "New"}, {"external_id": "new"}, {"metadata": {"new": True}}])
    make.in_parallel(3, lambda: document_update(document=document, **next(changes), actor=ACTOR))
    document.refresh_from_db()
    assert (document.title, document.external_id, document.metadata) == ("New", "new", {"new": True})
    assert OutboxEvent.objects.filter(type="document.updated").count() == 3
