from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.documents.blobs import blob_path
from apps.documents.models import DeletionState, Document, DocumentVersion, KnowledgeBase, KnowledgeBaseDeletion
from apps.documents.rights.access import access_scope, reading_as
from apps.documents.services import deleting, purging
from apps.documents.services.deleting import (
    DELETIONS,
    documents_tell,
    knowledge_base_deletion_resume,
)
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.retrieval.index import deleting as steps
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import Embedding, IndexGeneration, LexicalSegment
from ragsite.core.errors import ConflictError, LeaseLostError, NotFoundError, PermanentError, TransientError
from ragsite.core.leases import Claim
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.documents.services.many import documents
from workers.jobs import job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return sorted(OutboxEvent.objects.filter(type="document.deleted").values_list("key", flat=True))


def deletion() -> KnowledgeBaseDeletion:
    return KnowledgeBaseDeletion.objects.select_related("knowledge_base").get()


def claimed(base: KnowledgeBase) -> Claim:
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    return DELETIONS.claim(limit=1)


def lease_over() -> None:
    """As when a worker was killed a while ago."""
    KnowledgeBaseDeletion.objects.update(lease_until=Now() - timedelta(seconds=1))


def statements(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


def test_the_request_that_deletes_one_executes_as_many_statements_for_many_documents_as_for_few() -> None:
    few, many = make.knowledge_base(), make.knowledge_base()
    documents(few, 3)
    documents(many, 2_000)
    of_few = statements(lambda: knowledge_base_delete(knowledge_base=few, actor=ACTOR))
    assert statements(lambda: knowledge_base_delete(knowledge_base=many, actor=ACTOR)) == of_few <= 10


def test_all_of_it_goes_and_each_document_gets_one_event() -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    versions = [make.ready_version(base), make.ready_version(base), make.upload(base).version]
    kept = make.ready_version(other)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    assert told() == sorted(str(version.document_id) for version in versions)
    assert list(DocumentVersion.objects.all()) == [kept]
    assert [IndexGeneration.objects.get().knowledge_base, LexicalSegment.objects.get().knowledge_base_id] == [
        other,
        other.pk,
    ]
    assert Embedding.objects.count() == kept.chunk_count
    assert [blob_path(version.blob).exists() for version in (*versions, kept)] == [False, False, False, True]
    done = deletion()
    assert (done.state, done.document_total, done.document_told, done.document_gone) == (DeletionState.DONE, 3, 3, 3)
    assert done.ended_at is not None
    assert (done.lease_owner, done.in_words) == ("", "All documents are removed.")


def test_nothing_of_it_is_found_listed_or_uploaded_to_before_the_job_has_begun() -> None:
    base = make.knowledge_base()
    version = make.ready_version(base)
    waiting = make.upload(base).version
    client = make.client(base.tenant)
    text = version.chunks.first().text
    assert make.found(make.scope(base), text)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert make.found(make.scope(base), text) == []
    lists = ("knowledge-bases/", "documents/", "versions/", f"documents/?knowledge_base={base.pk}")
    assert [client.get(f"/api/v1/{one}").json()["results"] for one in lists] == [[], [], [], []]
    pages = (f"documents/{version.document_id}/", f"versions/{version.pk}/", f"versions/{version.pk}/chunks/")
    assert [client.get(f"/api/v1/{one}").status_code for one in pages] == [404, 404, 404]
    form = {"knowledge_base": str(base.pk), "file": make.file("New.")}
    assert client.post("/api/v1/documents/", form).status_code == 404
    with pytest.raises(NotFoundError, match="deleted a moment ago"):
        make.upload(base)
    with pytest.raises(NotFoundError, match="deleted a moment ago"):
        document_update(document=version.document, title="New", actor=ACTOR)
    assert not job_run(job_named("parse")), "nothing of it is worked on"
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempts) == ("uploaded", 0)


def test_what_was_granted_by_itself_is_not_found_either() -> None:
    base = make.knowledge_base()
    version = make.ready_version(base)
    document_update(document=version.document, restricted=True, actor=ACTOR)
    who, subject = make.asking(base.tenant, "api_key")
    make.grant(version.document, subject)
    scope = access_scope(who, knowledge_base_ids=[base.pk])
    text = version.chunks.first().text
    assert make.found(scope, text)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert make.found(scope, text) == [], "with a scope that was resolved before"
    with reading_as(scope):
        assert not Document.objects.exists(), "nor by the second wall alone"


@pytest.mark.parametrize("kills", range(10))
def test_a_worker_that_is_killed_between_any_two_bites_loses_nothing_and_doubles_nothing(
    kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "TOLD", 2)
    monkeypatch.setattr(purging, "DOCUMENTS", 2)
    base = make.knowledge_base()
    made = [make.ready_version(base), *(make.upload(base).version for _ in range(3))]
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)

    def killed() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make.run_deletions(Turn(float("inf"), _after(kills, killed)))
    lease_over()
    make.run_deletions()
    assert told() == sorted(str(version.document_id) for version in made)
    done = deletion()
    assert (done.state, done.document_total, done.document_told, done.document_gone) == (DeletionState.DONE, 4, 4, 4)
    assert not Document.objects.exists()
    assert not IndexGeneration.objects.exists()
    assert not any(blob_path(version.blob).exists() for version in made)


def test_files_whose_worker_was_killed_before_it_removed_them_are_found_by_the_walk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = make.knowledge_base()
    version = make.upload(base).version
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)

    def killed(names: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(deleting, "blobs_release", killed)
        make.run_deletions()
    assert (Document.objects.exists(), blob_path(version.blob).exists()) == (False, True)
    lease_over()
    make.run_deletions()
    monkeypatch.setattr(purging, "ORPHAN_SECONDS", -1.0)
    assert not blobs_purge(turns.long())
    assert (deletion().state, blob_path(version.blob).exists()) == (DeletionState.DONE, False)


def _after(calls: int, then: Callable[[], bool]) -> Callable[[], bool]:
    left = [calls]

    def call() -> bool:
        left[0] -= 1
        return then() if left[0] < 0 else False

    return call


def test_a_turn_that_is_over_leaves_the_rest_to_the_next_one_behind_other_deletions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deleting, "TOLD", 1)
    first, second = make.knowledge_base(), make.knowledge_base()
    for base in (first, second):
        documents(base, 3)
        knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    seen = []
    for _ in range(4):
        rows = DELETIONS
        claim = rows.claim(limit=1)
        seen.append(KnowledgeBaseDeletion.objects.get(pk=claim.ids[0]).knowledge_base)
        steps.knowledge_base_deletion_work(claim, turns.short(1))
        rows.give_back(claim)
    assert seen == [first, second, first, second]
    assert set(KnowledgeBaseDeletion.objects.values_list("document_told", "attempts")) == {(2, 0)}


def test_who_was_taken_for_dead_tells_and_removes_nothing() -> None:
    base = make.knowledge_base()
    documents(base, 2)
    claim = claimed(base)
    lease_over()
    with pytest.raises(LeaseLostError):
        documents_tell(claim)
    assert told() == []
    assert Document.objects.filter(deleted_at=None).count() == 2


def test_what_a_worker_is_at_in_the_knowledge_base_is_dropped() -> None:
    base = make.knowledge_base()
    version = make.upload(base).version
    make.run_stages(["parse"])
    DocumentVersion.objects.update(lease_owner="worker", lease_until=Now() + timedelta(hours=1))
    documents_tell(claimed(base))
    version.refresh_from_db()
    assert (version.lease_owner, version.lease_until) == ("", None)
    with pytest.raises(LeaseLostError, match="was deleted"):
        generation_ensure(base)
    assert not IndexGeneration.objects.exists()


def test_a_document_that_was_deleted_before_is_removed_with_the_others_and_gets_one_event() -> None:
    base = make.knowledge_base()
    document_delete(document=make.upload(base).version.document, actor=ACTOR)
    make.upload(base)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert not documents_purge(turns.long())
    assert Document.objects.count() == 2, "it is left to the deletion, which counts it"
    make.run_deletions()
    assert (len(told()), deletion().document_gone, deletion().document_told) == (2, 2, 1)


def test_what_others_hold_is_waited_for_and_does_not_count_as_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    base = make.knowledge_base()
    make.ready_version(base)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)

    def busy(knowledge_base_id: Any) -> bool:
        raise TransientError("The table of vectors is in use.", code="busy", retry_after=5)

    with monkeypatch.context() as patched:
        patched.setattr(steps, "generations_drop", busy)
        for _ in range(5):
            KnowledgeBaseDeletion.objects.update(not_before=Now())
            make.run_deletions()
    assert (deletion().state, deletion().attempts) == (DeletionState.REMOVING, 0)
    assert deletion().in_words == "0 of 1 documents are removed. The last time: The table of vectors is in use."
    KnowledgeBaseDeletion.objects.update(not_before=Now())
    make.run_deletions()
    assert (deletion().state, deletion().error) == (DeletionState.DONE, "")


def test_one_that_failed_says_why_and_goes_on_when_it_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    base = make.knowledge_base()
    make.ready_version(base)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)

    def fails(knowledge_base_id: Any) -> bool:
        raise PermanentError("The disk is full.", action="Make room.")

    with monkeypatch.context() as patched:
        patched.setattr(steps, "generations_drop", fails)
        make.run_deletions()
    failed = deletion()
    assert failed.in_words == "0 of 1 documents are removed. It stopped there: The disk is full. Make room."
    make.run_deletions()
    assert deletion().state == DeletionState.FAILED
    assert knowledge_base_deletion_resume(deletion=failed, actor=ACTOR).state == DeletionState.REMOVING
    with pytest.raises(ConflictError, match="has not failed"):
        knowledge_base_deletion_resume(deletion=failed, actor=ACTOR)
    make.run_deletions()
    assert (deletion().state, len(told())) == (DeletionState.DONE, 1)
