"""Whatever people and workers do with a document's versions, in orders nobody thought of, what is promised holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from apps.documents.intake.uploads import Upload
from apps.documents.lifecycle.versions import document_rollback, version_cancel, version_retry
from apps.documents.models import VERSION_ENDED, VERSION_STOPPED, Document, DocumentVersion
from apps.documents.services.documents import document_delete
from apps.retrieval.models import Embedding
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from tests.locks import around_example
from workers.jobs import STAGES, Job
from workers.running import job_run

pytestmark = pytest.mark.django_db

BODIES: dict[str, str | bytes] = {
    "one.md": "# One\n\nThe ferry leaves at one.",
    "two.md": "# Two\n\nThe ferry leaves at two.",
    "three.txt": "The ferry leaves at three.",
    "broken.pdf": make.BROKEN_PDF,
}
NAMES = st.sampled_from(sorted(BODIES))
T = TypeVar("T")
ANY = st.integers(0, 1_000)


class Versions(RuleBasedStateMachine):
    """One knowledge base. A refusal is an answer too; what must hold is checked after every move."""

    def __init__(self) -> None:
        super().__init__()
        self._example = around_example()
        self._example.__enter__()
        self.base = make.knowledge_base()
        for name in ("one.md", "two.md"):
            self._upload(name, external_id="a")
            make.run_stages()

    def teardown(self) -> None:
        try:
            self._every_version_ends()
        finally:
            transaction.set_rollback(True)
            self._example.__exit__(None, None, None)

    @rule(name=NAMES, external_id=st.sampled_from(["a", ""]))
    def upload(self, name: str, external_id: str) -> None:
        self._try(lambda: self._upload(name, external_id=external_id))

    @precondition(lambda self: Document.objects.exists())
    @rule(name=NAMES, which=ANY)
    def put(self, name: str, which: int) -> None:
        document = self._document(which)
        upload = self._try(lambda: self._upload(name, document=document))
        assert upload is None or (upload.version.document_id, document.deleted_at) == (document.pk, None)

    @precondition(lambda self: Document.objects.exists())
    @rule(which=ANY)
    def roll_back(self, which: int) -> None:
        version = self._version(which)
        if rolled := self._try(lambda: document_rollback(document=version.document, version=version, actor=ACTOR)):
            assert rolled.current_version_id == version.pk

    @precondition(lambda self: Document.objects.exists())
    @rule(which=ANY)
    def cancel(self, which: int) -> None:
        version = self._version(which)
        assert bool(self._try(lambda: version_cancel(version=version, actor=ACTOR))) is (
            version.status not in VERSION_ENDED
        )

    @precondition(lambda self: Document.objects.exists())
    @rule(which=ANY)
    def retry(self, which: int) -> None:
        version = self._version(which)
        assert (
            version.status in VERSION_STOPPED or self._try(lambda: version_retry(version=version, actor=ACTOR)) is None
        )
        self._try(lambda: version_retry(version=version, actor=ACTOR))

    @precondition(lambda self: Document.objects.exists())
    @rule(which=ANY)
    def delete(self, which: int) -> None:
        document_delete(document=self._document(which), actor=ACTOR)

    @rule()
    def all_work_is_done(self) -> None:
        make.run_stages()

    @rule(stage=st.sampled_from(STAGES))
    def some_work_is_done(self, stage: Job) -> None:
        job_run(stage)

    @rule(stage=st.sampled_from(STAGES))
    def work_dies(self, stage: Job) -> None:
        ids = make.step_claimed(stage).claim.ids
        DocumentVersion.objects.filter(pk__in=ids).update(lease_until=Now() - timedelta(seconds=1))
        stage.rows.give_up()

    @invariant()
    def the_current_version_is_a_ready_one_of_the_document(self) -> None:
        for document in Document.objects.select_related("current_version"):
            current = document.current_version
            assert current is None or (current.document_id, current.status) == (document.pk, "ready")
            assert current is not None or not document.versions.filter(status="ready").exists() or document.deleted_at

    @invariant()
    def versions_are_numbered_without_a_gap(self) -> None:
        for document in Document.objects.all():
            numbers = list(document.versions.order_by("id").values_list("number", flat=True))
            assert numbers == list(range(1, len(numbers) + 1))

    @invariant()
    def a_document_stands_for_the_bytes_that_it_answers_with_or_will(self) -> None:
        """Else these bytes could become a second document, and others be refused as known."""
        for document in Document.objects.filter(deleted_at=None).select_related("current_version"):
            current = document.current_version
            newer = document.versions.filter(number__gt=current.number if current else 0)
            answers = newer.exclude(status__in=VERSION_ENDED).order_by("-number").first() or current
            stopped = newer.filter(status__in=VERSION_STOPPED).values_list("content_hash", flat=True)
            assert document.content_hash in {answers.content_hash if answers else "", *stopped}

    @invariant()
    def a_version_that_failed_says_why_and_keeps_nothing(self) -> None:
        for version in DocumentVersion.objects.all():
            assert (version.status in VERSION_STOPPED) == bool(version.error_code) == bool(version.error)
            assert version.status not in VERSION_STOPPED or not version.chunks.exists()
            if version.status == "ready":
                vectors = Embedding.objects.filter(chunk__version=version).count()
                assert vectors == version.chunks.count() == version.chunk_count > 0

    @invariant()
    def events_tell_a_documents_story_in_order(self) -> None:
        for document in Document.objects.all():
            told = list(OutboxEvent.objects.filter(key=str(document.pk)).order_by("id").values_list("type", flat=True))
            assert told[0] == "document.created"
            assert told.count("document.created") == 1
            assert ("document.deleted" in told[-1:]) == ("document.deleted" in told) == bool(document.deleted_at)
            assert (
                told.count("document.failed")
                >= document.versions.filter(status="failed", document__deleted_at=None).count()
            )
            assert told.count("vector.indexed") <= document.versions.filter(status="ready").count()
            assert (document.current_version_id is not None) == ("vector.indexed" in told)

    def _every_version_ends(self) -> None:
        for _ in range(2):
            make.run_stages()
            DocumentVersion.objects.update(lease_until=None, not_before=Now())
        living = DocumentVersion.objects.filter(document__deleted_at=None)
        assert set(living.values_list("status", flat=True)) <= VERSION_ENDED

    def _upload(self, name: str, **about: object) -> Upload:
        return make.upload(self.base, BODIES[name], filename=name, **about)

    def _try(self, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except (ConflictError, NotFoundError):
            return None

    def _document(self, which: int) -> Document:
        documents = Document.objects.order_by("id")
        return documents[which % len(documents)]

    def _version(self, which: int) -> DocumentVersion:
        versions = DocumentVersion.objects.order_by("id").select_related("document")
        return versions[which % len(versions)]


def test_no_order_of_uploads_changes_and_work_breaks_what_is_promised_of_versions() -> None:
    run_state_machine_as_test(
        Versions,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
