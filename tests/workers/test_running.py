from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.db.models.functions import Now
from psycopg.errors import DeadlockDetected, LockNotAvailable

from apps.documents.lifecycle.steps import Step
from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import Chunk, DocumentVersion, StageRecord, VersionStatus
from ragsite.core.errors import LeaseLostError, PermanentError, TransientError
from ragsite.core.leases import lease_claim
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import STAGES, Job, job_named
from workers.running import job_run

pytestmark = pytest.mark.django_db
PARSE, EMBED = job_named("parse"), job_named("embed")

_behaviour: Any = None


def service(step: Step, turn: Turn) -> None:
    """The work of the jobs below: does what the test at hand wants."""
    _behaviour(step)


def service_at_the_last(step: Step, turn: Turn) -> None:
    """Says that it is at the last of its versions, and does what the test at hand wants."""
    turn.at(max(step.claim.ids))
    _behaviour(step)


def job_that(behaviour: Any, **changes: Any) -> Job:
    global _behaviour
    _behaviour = behaviour
    return dataclasses.replace(PARSE, **{"work": f"{__name__}.service"} | changes)


def failing(error: BaseException) -> Any:
    def behaviour(step: Step) -> None:
        raise error

    return behaviour


@pytest.fixture(autouse=True)
def _findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """import_string finds this module under its own name."""
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))


@pytest.fixture
def version() -> DocumentVersion:
    return make.upload(make.knowledge_base()).version


def again(version: DocumentVersion) -> DocumentVersion:
    version.refresh_from_db()
    return version


def due(version: DocumentVersion) -> None:
    """The back-off is over."""
    DocumentVersion.objects.filter(pk=version.pk).update(not_before=Now())


def test_a_stage_without_work_says_so() -> None:
    assert job_run(PARSE) is False


def test_a_completed_stage_moves_the_version_and_writes_its_timeline(version: DocumentVersion) -> None:
    assert job_run(PARSE) is True
    assert again(version).status == VersionStatus.PARSED
    assert (version.attempts, version.lease_owner, version.lease_until) == (0, "", None)
    record = StageRecord.objects.get(version=version)
    assert (record.stage, record.outcome, record.attempts) == ("parse", "done", 1)
    assert record.seconds is not None
    assert record.worker


def test_a_permanent_error_fails_the_version_at_once_with_its_words(version: DocumentVersion) -> None:
    error = PermanentError("The file is broken.", code="damaged_file", action="Repair it.")
    assert job_run(job_that(failing(error))) is True
    assert again(version).status == VersionStatus.FAILED
    assert (version.error_code, version.error) == ("damaged_file", "The file is broken. Repair it.")
    event = OutboxEvent.objects.get(type="document.failed")
    assert event.payload["error_code"] == "damaged_file"
    assert job_run(PARSE) is False


def test_a_transient_error_is_tried_again_later_and_not_at_once(version: DocumentVersion) -> None:
    stage = job_that(failing(TransientError("Not now.", retry_after=30)))
    job_run(stage)
    assert again(version).status == VersionStatus.UPLOADED
    assert version.attempts == 1
    record = StageRecord.objects.get(version=version)
    assert (record.outcome, record.error) == ("postponed", "Not now.")
    assert job_run(stage) is False
    due(version)
    assert job_run(PARSE) is True
    assert again(version).status == VersionStatus.PARSED


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (OperationalError("connection lost"), None, "database_unavailable"),
        (OperationalError("deadlock detected"), DeadlockDetected(), "database_conflict"),
        (OperationalError("lock timeout"), LockNotAvailable(), "database_locked"),
        (IntegrityError("a twin"), None, "database_error"),
    ],
)
def test_a_refusal_of_the_database_is_transient_and_told_by_its_kind(
    version: DocumentVersion, error: DatabaseError, cause: Exception | None, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    error.__cause__ = cause
    job_run(job_that(failing(error)))
    assert again(version).status == VersionStatus.UPLOADED
    record = StageRecord.objects.get(version=version)
    assert (record.outcome, record.error_code) == ("postponed", code)
    assert str(error) in caplog.text
    assert str(error) not in record.error or code == "database_error"
    due(version)
    assert job_run(PARSE) is True
    assert again(version).status == VersionStatus.PARSED


def test_a_defect_is_shown_in_the_timeline_and_raised_for_the_log(version: DocumentVersion) -> None:
    with pytest.raises(ZeroDivisionError):
        job_run(job_that(lambda step: 1 / 0))
    record = StageRecord.objects.get(version=version)
    assert (record.outcome, record.error_code) == ("postponed", "unexpected_error")
    assert "ZeroDivisionError" in record.error


@pytest.mark.parametrize(
    ("error", "code"),
    [(SoftTimeLimitExceeded(), "too_slow"), (MemoryError(), "too_much_memory")],
    ids=["time", "memory"],
)
def test_a_file_beyond_the_limits_fails_in_words(version: DocumentVersion, error: BaseException, code: str) -> None:
    job_run(job_that(failing(error)))
    assert again(version).status == VersionStatus.FAILED
    assert version.error_code == code
    assert "RAGSITE_PARSER" in version.error


def test_work_that_kills_its_worker_is_given_up_after_the_attempts(version: DocumentVersion, settings: Any) -> None:
    for _ in range(settings.RAGSITE_MAX_ATTEMPTS):
        assert PARSE.rows.waiting().count() == 1
        assert PARSE.rows.give_up() == 0
        lease_claim(PARSE.rows.waiting(), limit=1)
        DocumentVersion.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert PARSE.rows.waiting().count() == 0
    assert PARSE.rows.give_up() == 1
    assert again(version).status == VersionStatus.FAILED
    assert version.error_code == "too_many_attempts"
    assert OutboxEvent.objects.filter(type="document.failed").count() == 1


def test_a_worker_that_lost_its_lease_writes_nothing(version: DocumentVersion) -> None:
    def taken_over(step: Step) -> None:
        DocumentVersion.objects.update(lease_owner="another")
        with transaction.atomic():
            step.complete(version.pk)

    job_run(job_that(taken_over))
    assert again(version).status == VersionStatus.UPLOADED
    assert version.lease_owner == "another"


def test_an_expired_lease_cannot_complete(version: DocumentVersion) -> None:
    def slept(step: Step) -> None:
        DocumentVersion.objects.update(lease_until=Now() - timedelta(seconds=1))
        with pytest.raises(LeaseLostError):
            step.hold([version.pk])
        step.complete(version.pk)

    job_run(job_that(slept))
    assert again(version).status == VersionStatus.UPLOADED


def test_versions_that_failed_together_are_tried_again_alone_so_that_the_culprit_fails_alone() -> None:
    base = make.knowledge_base()
    good, bad = make.upload(base).version, make.upload(base).version
    claims: list[int] = []

    def poisoned(step: Step) -> None:
        claims.append(len(step.claim.ids))
        if bad.pk in step.claim.ids:
            raise PermanentError("Poison.", code="poison")
        with transaction.atomic():
            step.complete(step.claim.ids[0])

    stage = job_that(poisoned, claims=16)
    job_run(stage)
    assert {again(good).status, again(bad).status} == {VersionStatus.UPLOADED}
    due(good)
    due(bad)
    while job_run(stage):
        pass
    assert claims == [2, 1, 1]
    assert (again(good).status, again(bad).status) == (VersionStatus.PARSED, VersionStatus.FAILED)


def test_a_time_limit_among_several_blames_nobody_yet() -> None:
    base = make.knowledge_base()
    versions = [make.upload(base).version for _ in range(2)]
    job_run(job_that(failing(SoftTimeLimitExceeded()), claims=16))
    assert [again(version).status for version in versions] == [VersionStatus.UPLOADED] * 2
    due(versions[0])
    job_run(job_that(failing(SoftTimeLimitExceeded()), claims=16))
    assert again(versions[0]).error_code == "too_slow"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SoftTimeLimitExceeded(), "too_slow"),
        (MemoryError(), "too_much_memory"),
        (PermanentError("No.", code="no"), "no"),
    ],
    ids=["time", "memory", "refusal"],
)
def test_work_that_says_where_it_is_fails_there_at_once_and_the_others_were_never_begun(
    error: BaseException, code: str
) -> None:
    base = make.knowledge_base()
    first, last = (make.upload(base).version for _ in range(2))
    job_run(job_that(failing(error), claims=16, work=f"{__name__}.service_at_the_last"))
    assert (again(last).status, last.error_code) == (VersionStatus.FAILED, code)
    assert (again(first).status, first.attempts, first.lease_owner) == (VersionStatus.UPLOADED, 0, "")
    assert not StageRecord.objects.filter(version=first).exists()


def test_the_reason_of_a_try_stays_in_the_timeline_while_the_next_one_runs_and_is_the_last_should_that_die(
    version: DocumentVersion, settings: Any
) -> None:
    settings.RAGSITE_MAX_ATTEMPTS = 2
    job_run(job_that(failing(TransientError("The store is away."))))
    due(version)
    PARSE.claimed.begin(PARSE.claimed.claim(limit=1))
    record = StageRecord.objects.get(version=version)
    assert (record.outcome, record.attempts, record.error) == ("running", 2, "The store is away.")
    DocumentVersion.objects.update(lease_until=Now() - timedelta(seconds=1))
    PARSE.rows.give_up()
    assert again(version).error_code == "too_many_attempts"
    assert "The last reason: The store is away." in version.error


def test_when_one_lease_is_lost_the_others_are_given_back_at_once() -> None:
    base = make.knowledge_base()
    lost, held = (make.upload(base).version for _ in range(2))

    def taken_over(step: Step) -> None:
        DocumentVersion.objects.filter(pk=lost.pk).update(lease_owner="another")
        with transaction.atomic():
            step.complete(*step.claim.ids)

    job_run(job_that(taken_over, claims=16))
    assert (again(held).status, held.lease_owner, held.attempts) == (VersionStatus.UPLOADED, "", 1)
    assert again(lost).lease_owner == "another"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_failure_at_any_stage_leaves_no_chunk_and_a_retry_ends_ready(stage: Job) -> None:
    version = make.upload(make.knowledge_base()).version
    for earlier in STAGES[: STAGES.index(stage)]:
        assert job_run(earlier)
    error = failing(PermanentError("No.", code="no"))
    job_run(dataclasses.replace(job_that(error), name=stage.name, rows=stage.rows))
    assert again(version).status == VersionStatus.FAILED
    assert Chunk.objects.filter(version=version).count() == 0
    version_retry(version=version, actor=ACTOR)
    make.run_stages()
    assert again(version).status == VersionStatus.READY
    assert version.chunks.count() == version.chunk_count > 0


def test_work_of_a_deleted_document_is_not_claimed(version: DocumentVersion) -> None:
    from apps.documents.services.documents import document_delete

    document_delete(document=version.document, actor=ACTOR)
    assert job_run(PARSE) is False
