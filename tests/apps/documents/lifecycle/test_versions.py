from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.test import Client

from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.lifecycle.steps import Step, step_fail
from apps.documents.lifecycle.versions import document_reread, document_rollback, version_cancel, version_retry
from apps.documents.models import Chunk, Document, DocumentVersion, VersionStatus
from apps.documents.services.documents import document_delete
from apps.models.gateway import Deadline
from apps.retrieval.models import Embedding
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import STAGES, Job, job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db

ONE = "# Ferry\n\nThe ferry leaves at nine in the morning.\n"
TWO = "# Ferry\n\nThe ferry leaves at ten in the morning.\n"


def two_versions() -> tuple[Document, DocumentVersion, DocumentVersion]:
    base = make.knowledge_base()
    first = make.ready_version(base, ONE, external_id="ferry")
    second = make.ready_version(base, TWO, external_id="ferry")
    return Document.objects.get(), first, second


def found(document: Document) -> str:
    scope = make.scope(document.knowledge_base)
    result = retrieve(SearchRequest("When does the ferry leave?", top_k=5), scope=scope, deadline=Deadline.after(10))
    return " ".join(passage.text for passage in result.passages)


def test_going_back_lets_the_earlier_version_answer_at_once_and_embeds_nothing() -> None:
    document, first, second = two_versions()
    vectors = Embedding.objects.count()
    assert "ten" in found(document)
    document_rollback(document=document, version=first, actor=ACTOR)
    assert "nine" in found(document)
    assert "ten" not in found(document)
    document_rollback(document=document, version=second, actor=ACTOR)
    assert "ten" in found(document)
    assert Embedding.objects.count() == vectors
    updates = OutboxEvent.objects.filter(type="document.updated").order_by("id")
    assert [event.payload["version_number"] for event in updates] == [2, 1, 2]


def test_a_version_that_was_overtaken_is_told_of_once_the_document_goes_back_to_it() -> None:
    base = make.knowledge_base()
    first, second = (make.upload(base, text, external_id="ferry").version for text in (ONE, TWO))
    make.run_stages(["parse", "chunk", "embed"])
    assert make.work_once("activate", second)
    assert make.work_once("activate", first)
    document = Document.objects.get()
    assert "ten" in found(document)
    document_rollback(document=document, version=first, actor=ACTOR)
    assert "nine" in found(document)
    told = OutboxEvent.objects.filter(type__in=["vector.indexed", "document.updated"]).order_by("id")
    assert [(event.type, event.payload["version_id"]) for event in told] == [
        ("vector.indexed", str(second.pk)),
        ("document.updated", str(first.pk)),
    ]


def test_a_file_is_read_anew_into_a_version_that_takes_over_once_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    document, first, _ = two_versions()
    document_rollback(document=document, version=first, actor=ACTOR)
    monkeypatch.setattr(
        "apps.documents.parsing.text.markdown.with_whole_rows", lambda text: text.replace("nine", "eleven")
    )
    again = document_reread(document=document, actor=ACTOR)
    assert "nine" in found(document)
    with pytest.raises(ConflictError, match="under way"):
        document_reread(document=document, actor=ACTOR)
    make.run_stages()
    assert "eleven" in found(document)
    again.refresh_from_db()
    assert (again.number, again.blob, again.origin, again.status) == (3, first.blob, "upload", "ready")
    document_edit(document=document, version=again, edits=[Edit(0, 0, "Note: ")], actor=ACTOR)
    make.run_stages()
    with pytest.raises(ConflictError, match="1 edits"):
        document_reread(document=document, actor=ACTOR)


def test_going_back_to_the_present_version_changes_nothing() -> None:
    document, _, second = two_versions()
    events = OutboxEvent.objects.count()
    document_rollback(document=document, version=second, actor=ACTOR)
    assert OutboxEvent.objects.count() == events


def test_only_a_ready_version_of_the_same_document_can_answer() -> None:
    document, _, _ = two_versions()
    other = make.ready_version(document.knowledge_base)
    waiting = make.upload(document.knowledge_base, "# Ferry\n\nEleven.\n", external_id="ferry").version
    for version in (other, waiting):
        with pytest.raises(ConflictError):
            document_rollback(document=document, version=version, actor=ACTOR)


def test_a_document_goes_back_to_what_another_one_holds_by_now() -> None:
    document, first, second = two_versions()
    other = make.ready_version(document.knowledge_base, ONE).document
    assert document_rollback(document=document, version=first, actor=ACTOR).current_version == first
    assert make.upload(document.knowledge_base, ONE, external_id="ferry").outcome == "unchanged"
    assert document_rollback(document=document, version=second, actor=ACTOR).current_version == second
    assert make.upload(document.knowledge_base, ONE).version.document == other


def test_going_back_is_refused_while_a_newer_version_would_answer_in_a_moment() -> None:
    document, first, _ = two_versions()
    waiting = make.upload(document.knowledge_base, "# Ferry\n\nEleven.\n", external_id="ferry").version
    with pytest.raises(ConflictError, match="Version 3 is under way"):
        document_rollback(document=document, version=first, actor=ACTOR)
    version_cancel(version=waiting, actor=ACTOR)
    assert document_rollback(document=document, version=first, actor=ACTOR).current_version == first


def test_a_retried_version_that_will_answer_makes_the_document_stand_for_its_bytes_again() -> None:
    """Else another document could take the same bytes, and the bytes gone back to would be refused as known."""
    document, first, _ = two_versions()
    eleven = "# Ferry\n\nEleven.\n"
    waiting = make.upload(document.knowledge_base, eleven, external_id="ferry").version
    version_cancel(version=waiting, actor=ACTOR)
    document_rollback(document=document, version=first, actor=ACTOR)
    version_retry(version=waiting, actor=ACTOR)
    make.run_stages()
    document.refresh_from_db()
    assert document.current_version == waiting
    assert document.content_hash == waiting.content_hash
    assert make.upload(document.knowledge_base, eleven).outcome == "unchanged"


def test_a_version_is_retried_though_another_document_holds_its_bytes_by_now() -> None:
    document, first, _ = two_versions()
    eleven = "# Ferry\n\nEleven.\n"
    waiting = make.upload(document.knowledge_base, eleven, external_id="ferry").version
    version_cancel(version=waiting, actor=ACTOR)
    document_rollback(document=document, version=first, actor=ACTOR)
    assert make.upload(document.knowledge_base, eleven).outcome == "created"
    version_retry(version=waiting, actor=ACTOR)
    make.run_stages()
    document.refresh_from_db()
    assert document.current_version == waiting


def test_no_event_follows_the_deletion_of_a_document() -> None:
    document, first, _ = two_versions()
    waiting = make.upload(document.knowledge_base, "# Ferry\n\nEleven.\n", external_id="ferry").version
    stopped = make.upload(document.knowledge_base, "# Ferry\n\nTwelve.\n", external_id="ferry").version
    version_cancel(version=stopped, actor=ACTOR)
    stage = job_named("parse")
    step = make.step_claimed(stage)
    document_delete(document=document, actor=ACTOR)
    step_fail(step, PermanentError("It is broken."))
    waiting.refresh_from_db()
    assert waiting.status == VersionStatus.FAILED
    with pytest.raises(NotFoundError):
        document_rollback(document=document, version=first, actor=ACTOR)
    with pytest.raises(NotFoundError):
        version_retry(version=stopped, actor=ACTOR)
    assert OutboxEvent.objects.filter(key=str(document.pk)).latest("id").type == "document.deleted"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_work_is_cancelled_before_any_stage_and_a_retry_ends_ready(stage: Job) -> None:
    version = make.upload(make.knowledge_base()).version
    for earlier in STAGES[: STAGES.index(stage)]:
        job_run(earlier)
    version_cancel(version=version, actor=ACTOR)
    version.refresh_from_db()
    assert version.status == VersionStatus.CANCELLED
    assert not Chunk.objects.filter(version=version).exists()
    make.run_stages()
    version.refresh_from_db()
    assert version.status == VersionStatus.CANCELLED
    version_retry(version=version, actor=ACTOR)
    make.run_stages()
    version.refresh_from_db()
    assert (version.status, version.error) == (VersionStatus.READY, "")


def test_a_worker_that_is_at_a_cancelled_version_writes_nothing(monkeypatch: Any) -> None:
    version = make.upload(make.knowledge_base()).version
    parse = job_named("parse")
    real = __import__("apps.documents.lifecycle.parsing", fromlist=["versions_parse"]).versions_parse

    def cancelled_meanwhile(step: Step, turn: Turn) -> None:
        version_cancel(version=version, actor=ACTOR)
        real(step, turn)

    monkeypatch.setattr("apps.documents.lifecycle.parsing.versions_parse", cancelled_meanwhile)
    job_run(dataclasses.replace(parse))
    version.refresh_from_db()
    assert version.status == VersionStatus.CANCELLED
    assert not hasattr(version, "parsed")


def test_what_has_ended_cannot_be_cancelled() -> None:
    with pytest.raises(ConflictError, match="nothing to cancel"):
        version_cancel(version=make.ready_version(), actor=ACTOR)


def test_the_api_compares_cancels_and_goes_back(client: Client) -> None:
    document, first, second = two_versions()
    headers = make.headers(document.tenant)
    diff = client.get(f"/api/v1/versions/{second.pk}/diff/?against={first.pk}", headers=headers).json()
    assert [(change["kind"], change["old_text"], change["new_text"]) for change in diff] == [
        ("replaced", "The ferry leaves at nine in the morning.", "The ferry leaves at ten in the morning.")
    ]
    back = client.post(
        f"/api/v1/documents/{document.pk}/rollback/", {"version": str(first.pk)}, "application/json", headers=headers
    )
    assert back.json()["current_version"]["number"] == 1
    waiting = make.upload(document.knowledge_base).version
    cancelled = client.post(f"/api/v1/versions/{waiting.pk}/cancel/", headers=headers)
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    status = client.get(f"/api/v1/versions/{waiting.pk}/", headers=headers).json()
    assert status["progress"]["text"] == "It was cancelled by key test, API. Retry it to take it up again."


@pytest.mark.parametrize("against", ["", "nonsense", "01a203e5-9979-7251-b937-3e6c4f661cc8"])
def test_a_comparison_with_nothing_is_a_problem(client: Client, against: str) -> None:
    version = make.ready_version()
    headers = make.headers(version.document.tenant)
    answer = client.get(f"/api/v1/versions/{version.pk}/diff/?against={against}", headers=headers)
    assert answer.status_code in {404, 422}
    assert answer["Content-Type"] == "application/problem+json"


def test_a_version_that_has_not_failed_cannot_be_retried() -> None:
    version = make.upload(make.knowledge_base()).version
    with pytest.raises(ConflictError, match="is uploaded; only one that stopped can be retried"):
        version_retry(version=version, actor=ACTOR)


def test_a_retry_by_many_at_once_is_one_retry(transactional_db: None) -> None:
    version = make.upload(make.knowledge_base(), make.BROKEN_PDF, filename="a.pdf").version
    make.run_stages()

    def retry() -> bool:
        try:
            version_retry(version=version, actor=ACTOR)
        except ConflictError:
            return False
        return True

    assert sorted(make.in_parallel(4, retry)) == [False, False, False, True]
