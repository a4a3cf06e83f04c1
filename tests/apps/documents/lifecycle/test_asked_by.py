"""Who asked for a version, for a step of its way, and what the events of both say."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import DocumentVersion, KnowledgeBase, StageRecord
from apps.documents.services.documents import document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete
from ragsite.core.actors import Actor
from ragsite.core.admin.base import row_url
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR, user

pytestmark = pytest.mark.django_db
ADA, BERT, CORA = user("ada"), user("bert"), user("cora")


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


def uploaded(base: KnowledgeBase, by: Actor, text: str, **fields: str) -> DocumentVersion:
    parts = [text.encode()]
    request = UploadRequest(knowledge_base=base, filename="note.txt", parts=parts, **fields)
    return document_upload(request, actor=by).version


def timeline(version: DocumentVersion) -> dict[str, str]:
    """By stage the name of who asked for it."""
    records = StageRecord.objects.filter(version=version).order_by("id")
    return {record.stage: record.actor["name"] if record.actor else "" for record in records}


def acts(kind: str) -> list[dict[str, str]]:
    return list(OutboxEvent.objects.filter(type=kind).order_by("id").values_list("actor", flat=True))


def test_all_steps_of_an_upload_and_its_events_are_its_uploaders(base: KnowledgeBase) -> None:
    version = uploaded(base, ADA, "The harbour has 42 berths.")
    make.run_stages()
    assert timeline(version) == dict.fromkeys(("parse", "chunk", "embed", "activate"), "ada")
    assert acts("document.created") == acts("vector.indexed") == [ADA.as_dict()]


def test_versions_that_are_activated_together_each_get_an_event_with_their_own_uploader(base: KnowledgeBase) -> None:
    for by, text in ((ADA, "The harbour has 42 berths."), (BERT, "The ferry leaves at nine.")):
        uploaded(base, by, text)
    make.run_stages()
    assert sorted(one["name"] for one in acts("vector.indexed")) == ["ada", "bert"]


def test_who_cancels_stands_in_the_timeline_and_who_retries_is_who_the_rest_is_done_for(base: KnowledgeBase) -> None:
    version = uploaded(base, ADA, "The harbour has 42 berths.")
    make.run_stages(["parse"])
    version_cancel(version=version, actor=BERT)
    version.refresh_from_db()
    assert (version.actor, version.error) == (
        BERT.as_dict(), "It was cancelled by bert, admin. Retry it to take it up again.",
    )  # fmt: skip
    version_retry(version=version, actor=CORA)
    make.run_stages()
    assert timeline(version) == {"parse": "ada", "chunk": "cora", "embed": "cora", "activate": "cora"}
    assert acts("vector.indexed") == [CORA.as_dict()]


def test_a_step_that_is_cut_short_says_who_did_that(base: KnowledgeBase) -> None:
    version = uploaded(base, ADA, "The harbour has 42 berths.")
    stage = make.job_named("parse")
    stage.rows.begin(stage.rows.claim(limit=1))  # type: ignore[union-attr]
    version_cancel(version=version, actor=BERT)
    assert timeline(version) == {"parse": "bert"}


def test_a_failure_is_published_with_who_asked_for_what_failed(base: KnowledgeBase) -> None:
    request = UploadRequest(knowledge_base=base, filename="broken.pdf", parts=[make.BROKEN_PDF])
    document_upload(request, actor=ADA)
    make.run_stages()
    assert acts("document.failed") == [ADA.as_dict()]


def test_other_chunking_and_a_roll_back_are_whose_they_are(base: KnowledgeBase) -> None:
    first = uploaded(base, ADA, "The ferry leaves at nine.", external_id="ferry")
    make.run_stages()
    uploaded(base, ADA, "The ferry leaves at ten.", external_id="ferry")
    make.run_stages()
    document = first.document
    document_rollback(document=document, version=first, actor=BERT)
    document_update(document=document, chunking={"size": 32, "overlap": 0}, actor=CORA)
    make.run_stages()
    cut_again = document.versions.order_by("-number")[0]
    assert (cut_again.rechunk_of, timeline(cut_again)["chunk"]) == (first, "cora")
    assert [one["name"] for one in acts("document.updated")] == ["ada", "bert", "cora", "cora"]


def test_a_deletion_in_the_background_publishes_each_document_with_who_asked_for_it(base: KnowledgeBase) -> None:
    make.ready_version(base)
    deletion = knowledge_base_delete(knowledge_base=base, actor=ADA)
    knowledge_base_delete(knowledge_base=base, actor=BERT)
    make.run_deletions()
    deletion.refresh_from_db()
    assert (deletion.actor, acts("document.deleted")) == (ADA.as_dict(), [ADA.as_dict()])


def test_what_was_there_before_actors_were_kept_goes_on_as_the_jobs_own(base: KnowledgeBase) -> None:
    version = uploaded(base, ADA, "The harbour has 42 berths.")
    DocumentVersion.objects.update(actor=None)
    make.run_stages()
    assert timeline(version)["activate"] == ""
    assert acts("vector.indexed") == [Actor.of_job("activate").as_dict()]


def test_people_read_it_in_the_timeline_over_the_api_and_in_the_admin(
    base: KnowledgeBase, admin_client: Client
) -> None:
    _, client = make.keyed(base.tenant)
    body = {"knowledge_base": str(base.pk), "file": make.file("The harbour has 42 berths.")}
    client.post("/api/v1/documents/", body)
    make.run_stages(["parse"])
    version = DocumentVersion.objects.get()
    answer = client.get(f"/api/v1/versions/{version.pk}/").json()
    assert (answer["asked_by"], answer["stages"][0]["asked_by"]) == ("key keyed, API", "key keyed, API")
    for page in (row_url(version), row_url(version.document), "/admin/documents/stagerecord/"):
        assert "key keyed, API" in admin_client.get(page).content.decode()
    version_cancel(version=version, actor=ADA)
    assert client.get(f"/api/v1/versions/{version.pk}/").json()["asked_by"] == "ada, admin"
    deletion = knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert client.get(f"/api/v1/knowledge-base-deletions/{deletion.pk}/").json()["asked_by"] == "test"
    assert "test" in admin_client.get(row_url(deletion)).content.decode()
