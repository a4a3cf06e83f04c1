from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.documents.lifecycle.steps import Step, step_fail, step_postpone, version_fail
from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import VERSION_TRANSITIONS, DocumentVersion, StageRecord, VersionStatus
from ragsite.core.errors import LeaseLostError, PermanentError, TransientError
from ragsite.core.leases import lease_claim
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from workers.jobs import STAGES

pytestmark = pytest.mark.django_db

BROKEN = PermanentError("It is broken.", code="broken", action="Mend it.")


def parse_step(versions: int = 1) -> Step:
    """A step at the parse stage that holds fresh versions."""
    base = make.knowledge_base()
    for _ in range(versions):
        make.upload(base)
    stage = STAGES[0]
    claim = lease_claim(DocumentVersion.objects.order_by("id"), limit=versions)
    return stage.rows.begin(claim)


def expire() -> None:
    DocumentVersion.objects.update(lease_until=Now() - timedelta(seconds=1))


def lose(step: Step) -> None:
    """Let the lease run out and another worker take over."""
    expire()
    lease_claim(DocumentVersion.objects.order_by("id"), limit=len(step.claim.ids))


def test_the_stages_lead_through_the_legal_transitions_from_upload_to_ready() -> None:
    rows = [stage.rows for stage in STAGES]
    assert rows[0].before is VersionStatus.UPLOADED
    assert rows[-1].after is VersionStatus.READY
    for one, following in pairwise(rows):
        assert one.after is following.before
    for one in rows:
        assert one.after in VERSION_TRANSITIONS[one.before]
        assert VersionStatus.FAILED in VERSION_TRANSITIONS[one.before]
        assert one.retry_from in VERSION_TRANSITIONS[VersionStatus.FAILED]


def test_completing_moves_the_version_on_and_frees_it() -> None:
    step = parse_step()
    step.complete(step.claim.ids[0])
    version = DocumentVersion.objects.get()
    assert (version.status, version.attempts, version.lease_owner, version.lease_until) == ("parsed", 0, "", None)
    record = StageRecord.objects.get()
    assert (record.stage, record.outcome, record.error) == ("parse", "done", "")
    assert record.finished_at is not None
    assert record.seconds is not None


def test_a_version_that_is_sent_back_starts_over_and_its_timeline_says_why() -> None:
    step = parse_step()
    step.send_back(step.claim.ids, TransientError("The index was switched.", code="index_switched"))
    version = DocumentVersion.objects.get()
    assert (version.status, version.attempts, version.lease_owner) == (step.retry_from, 0, "")
    record = StageRecord.objects.get()
    assert (record.outcome, record.error_code, record.error) == (
        "postponed",
        "index_switched",
        "The index was switched.",
    )


def test_nothing_is_begun_in_the_timeline_of_a_version_that_was_cancelled_between_claim_and_start() -> None:
    version = make.upload(make.knowledge_base()).version
    claim = lease_claim(DocumentVersion.objects.order_by("id"), limit=1)
    version_cancel(version=version, actor=ACTOR)
    STAGES[0].rows.begin(claim)
    assert not StageRecord.objects.exists()


@pytest.mark.parametrize("how", ["complete", "hold", "send_back"])
def test_a_worker_that_lost_its_lease_can_write_nothing(how: str) -> None:
    step = parse_step()
    lose(step)
    (pk,) = step.claim.ids
    with pytest.raises(LeaseLostError):
        step.complete(pk) if how == "complete" else step.hold([pk]) if how == "hold" else step.send_back([pk], BROKEN)
    version = DocumentVersion.objects.get()
    assert (version.status, version.attempts) == ("uploaded", 2)
    assert version.lease_owner


def test_a_lease_that_ran_out_is_lost_also_when_nobody_took_over() -> None:
    step = parse_step()
    expire()
    with pytest.raises(LeaseLostError):
        step.complete(step.claim.ids[0])
    step_fail(step, BROKEN)
    assert DocumentVersion.objects.get().status == "uploaded"


def test_a_worker_that_lost_its_lease_can_neither_postpone_nor_fail() -> None:
    step = parse_step()
    lose(step)
    before = DocumentVersion.objects.values().get()
    step_postpone(step, TransientError("Later."))
    step_fail(step, BROKEN)
    assert DocumentVersion.objects.values().get() == before
    assert not OutboxEvent.objects.filter(type="document.failed").exists()


def test_a_postponed_version_waits_and_its_timeline_says_why() -> None:
    step = parse_step()
    step_postpone(step, TransientError("The disk is slow.", code="slow", retry_after=30))
    version = DocumentVersion.objects.get()
    assert (version.status, version.attempts, version.lease_owner) == ("uploaded", 1, "")
    waits = DocumentVersion.objects.filter(
        not_before__gt=Now() + timedelta(seconds=25), not_before__lt=Now() + timedelta(seconds=35)
    )
    assert waits.exists()
    record = StageRecord.objects.get()
    assert (record.outcome, record.error_code, record.error) == ("postponed", "slow", "The disk is slow.")


def test_a_failed_version_keeps_its_reason_and_publishes_it_once() -> None:
    step = parse_step()
    step_fail(step, BROKEN)
    step_fail(step, BROKEN)
    version = DocumentVersion.objects.get()
    assert (version.status, version.retry_status, version.error_code) == ("failed", "uploaded", "broken")
    assert version.error == "It is broken. Mend it."
    event = OutboxEvent.objects.get(type="document.failed")
    assert (event.payload["stage"], event.payload["error_code"]) == ("parse", "broken")
    assert event.payload["error"] == "It is broken. Mend it."


def test_a_version_that_went_on_meanwhile_is_not_failed() -> None:
    step = parse_step()
    step.complete(step.claim.ids[0])
    version_fail(step.claim.ids[0], step=step, error=BROKEN)
    assert DocumentVersion.objects.get().status == "parsed"


def test_a_version_that_was_taken_up_by_another_meanwhile_is_not_failed() -> None:
    step = parse_step()
    lose(step)
    version_fail(step.claim.ids[0], step=step, error=BROKEN)
    assert DocumentVersion.objects.get().status == "uploaded"


def test_the_database_itself_refuses_a_failed_version_without_a_reason() -> None:
    parse_step()
    with pytest.raises(IntegrityError, match="failed_version_says_why"), transaction.atomic():
        DocumentVersion.objects.update(status=VersionStatus.FAILED, error="")
