from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from apps.documents.lifecycle.progress import version_progress, worker_in_words
from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import DocumentVersion
from apps.documents.services.documents import document_delete
from ragsite.core.leases import lease_claim
from ragsite.core.models import WorkerPresence
from ragsite.core.presence import presence_end, presence_purge, presence_tell, workers_listening
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from workers.jobs import job_named

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> DocumentVersion:
    return make.upload(make.knowledge_base()).version


def fresh(version: DocumentVersion) -> DocumentVersion:
    return DocumentVersion.objects.select_related("document").get(pk=version.pk)


def test_without_a_worker_a_waiting_version_says_so(version: DocumentVersion) -> None:
    progress = version_progress(fresh(version))
    assert (progress.stage, progress.ahead, progress.workers) == ("parse", 0, 0)
    assert progress.text == "Waiting to be parsed, but no worker listens for that: start one, or look at its log."


def test_a_waiting_version_knows_how_many_are_ahead_and_who_listens(version: DocumentVersion) -> None:
    presence_tell(worker="parsing@a", jobs=["parse"])
    presence_tell(worker="models@a", jobs=["embed"])
    later = make.upload(version.document.knowledge_base).version
    assert version_progress(fresh(version)).text == "Waiting to be parsed. It is next; 1 worker listens."
    progress = version_progress(fresh(later))
    assert (progress.ahead, progress.workers) == (1, 1)
    assert progress.text == "Waiting to be parsed. 1 version is ahead of it; 1 worker listens."


def test_a_version_that_is_worked_on_names_the_worker(version: DocumentVersion) -> None:
    claim = lease_claim(job_named("parse").rows.waiting(), limit=1)
    text = version_progress(fresh(version)).text
    assert text == f"Being parsed now by {worker_in_words(claim.owner)}."


def test_a_postponed_version_says_when_and_what_happened_last(version: DocumentVersion) -> None:
    presence_tell(worker="parsing@a", jobs=["parse"])
    DocumentVersion.objects.update(not_before=Now() + timedelta(seconds=30), attempts=1)
    version.stages.create(stage="parse", worker="a", error="The disk was full.")
    progress = version_progress(fresh(version))
    assert progress.next_try_at is not None
    assert "(try 2 of 3). The last time: The disk was full." in progress.text


def test_ended_versions_say_how_they_ended(version: DocumentVersion) -> None:
    make.run_stages()
    assert version_progress(fresh(version)).text.startswith("All stages are done")
    cancelled = make.upload(version.document.knowledge_base).version
    version_cancel(version=cancelled, actor=ACTOR)
    assert version_progress(fresh(cancelled)).text == "It was cancelled by test. Retry it to take it up again."


def test_a_deleted_document_is_not_waited_for(version: DocumentVersion) -> None:
    document_delete(document=version.document, actor=ACTOR)
    assert version_progress(fresh(version)).text == "Its document was deleted, so nothing more is done."


def test_a_worker_that_was_not_heard_of_lately_does_not_listen() -> None:
    presence_tell(worker="gone", jobs=["parse"])
    presence_tell(worker="here", jobs=["parse"])
    WorkerPresence.objects.filter(worker="gone").update(seen_at=Now() - timedelta(days=2))
    assert workers_listening("parse") == 1
    assert not presence_purge(turns.long())
    presence_end(worker="here")
    assert workers_listening("parse") == 0
