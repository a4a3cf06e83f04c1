"""Several workers claim, renew, lose, complete, postpone and give up the same versions, in orders nobody thought of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from apps.documents.lifecycle.steps import Step, step_fail, step_postpone, step_started
from apps.documents.models import VERSION_ENDED, DocumentVersion
from ragsite.core.errors import LeaseLostError, PermanentError, TransientError
from ragsite.core.leases import lease_renew
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.locks import around_example
from workers.jobs import STAGES, Job

pytestmark = pytest.mark.django_db

VERSIONS = 5
ALL_STAGES = st.sampled_from(STAGES)


class Workers(RuleBasedStateMachine):
    """`holder` is who, by the rules, holds each version; the database is asked whether it agrees."""

    steps = Bundle("steps")

    def __init__(self) -> None:
        super().__init__()
        self._example = around_example()
        self._example.__enter__()
        base = make.knowledge_base()
        self.ids = [make.upload(base).version.pk for _ in range(VERSIONS)]
        self.holder: dict[UUID, Step] = {}
        self.given_up: set[UUID] = set()

    def teardown(self) -> None:
        try:
            self._every_version_ends()
        finally:
            transaction.set_rollback(True)
            self._example.__exit__(None, None, None)

    @rule(target=steps, stage=ALL_STAGES)
    def claim(self, stage: Job) -> object:
        waiting = {v.pk: v for v in self._versions() if v.status == stage.rows.before and v.pk not in self.holder}
        step = make.step_claimed(stage)
        assert set(step.claim.ids) <= set(waiting), "a version was claimed that somebody holds, or of another stage"
        tried = [pk for pk in step.claim.ids if waiting[pk].attempts]
        assert not tried or len(step.claim.ids) == 1, "a version that was tried before was claimed with others"
        assert all(waiting[pk].attempts < django_settings.RAGSITE_MAX_ATTEMPTS for pk in step.claim.ids)
        if not step.claim.ids:
            return multiple()
        step_started(step)
        self.holder |= dict.fromkeys(step.claim.ids, step)
        return step

    @rule(step=steps)
    def heartbeat(self, step: Step) -> None:
        assert lease_renew(DocumentVersion, step.claim) == len(self._held_by(step))

    @rule(step=steps)
    def hold_all(self, step: Step) -> None:
        held = len(self._held_by(step)) == len(step.claim.ids)
        assert self._writes(lambda: step.hold(step.claim.ids)) is held

    @rule(step=steps, index=st.integers(0, VERSIONS - 1))
    def complete(self, step: Step, index: int) -> None:
        pk = step.claim.ids[index % len(step.claim.ids)]
        held = self.holder.get(pk) is step
        assert self._writes(lambda: step.complete(pk)) is held, "completed without the lease, or refused with it"
        if held:
            del self.holder[pk]
            version = DocumentVersion.objects.get(pk=pk)
            assert (version.status, version.attempts) == (step.after, 0)

    @rule(step=steps)
    def fail(self, step: Step) -> None:
        step_fail(step, PermanentError("It is broken."))
        self._let_go(step, status="failed")

    @rule(step=steps)
    def postpone(self, step: Step) -> None:
        step_postpone(step, TransientError("Not now."))
        self._let_go(step, status=step.before)

    @rule(index=st.integers(0, VERSIONS - 1))
    def a_lease_runs_out(self, index: int) -> None:
        past = Now() - timedelta(seconds=1)
        DocumentVersion.objects.filter(pk=self.ids[index], lease_until__isnull=False).update(lease_until=past)
        self.holder.pop(self.ids[index], None)

    @rule(index=st.integers(0, VERSIONS - 1))
    def a_back_off_is_over(self, index: int) -> None:
        DocumentVersion.objects.filter(pk=self.ids[index]).update(not_before=Now())

    @rule(stage=ALL_STAGES)
    def sweep(self, stage: Job) -> None:
        before = {version.pk: version for version in self._versions()}
        stage.rows.give_up()
        for version in self._versions():
            if version.status != before[version.pk].status:
                assert version.error_code == "too_many_attempts"
                assert before[version.pk].attempts == django_settings.RAGSITE_MAX_ATTEMPTS
                assert version.pk not in self.holder, "work was given up that somebody is at"

    @invariant()
    def the_database_agrees_on_who_holds_what(self) -> None:
        held = DocumentVersion.objects.filter(lease_until__gte=Now()).values_list("pk", "lease_owner")
        assert dict(held) == {pk: step.claim.owner for pk, step in self.holder.items()}

    @invariant()
    def attempts_are_bounded_and_a_version_that_ended_is_free_and_one_that_failed_says_why(self) -> None:
        versions = self._versions()
        for version in versions:
            assert version.attempts <= django_settings.RAGSITE_MAX_ATTEMPTS
            assert version.status not in VERSION_ENDED or not version.lease_owner
            assert (version.status == "failed") == bool(version.error)
        told = OutboxEvent.objects.filter(type="document.failed").values_list("payload__version_id", flat=True)
        assert sorted(told) == sorted(str(version.pk) for version in versions if version.status == "failed")

    def _every_version_ends(self) -> None:
        """Workers that always die are given up on after at most so many starts of the stage each version is at."""
        for _ in range(django_settings.RAGSITE_MAX_ATTEMPTS + 1):
            for stage in STAGES:
                DocumentVersion.objects.update(lease_until=None, not_before=Now())
                stage.rows.give_up()
                while make.step_claimed(stage).claim.ids:
                    pass
        assert {version.status for version in self._versions()} <= VERSION_ENDED

    def _versions(self) -> list[DocumentVersion]:
        return list(DocumentVersion.objects.filter(pk__in=self.ids))

    def _held_by(self, step: Step) -> list[UUID]:
        return [pk for pk in step.claim.ids if self.holder.get(pk) is step]

    def _writes(self, write: Callable[[], None]) -> bool:
        try:
            with transaction.atomic():
                write()
        except LeaseLostError:
            return False
        return True

    def _let_go(self, step: Step, *, status: str) -> None:
        held = self._held_by(step)
        assert set(DocumentVersion.objects.filter(pk__in=held).values_list("status", flat=True)) <= {status}
        for pk in held:
            del self.holder[pk]


def test_no_order_of_claims_lets_two_hold_a_version_or_a_loser_write_and_every_version_ends() -> None:
    run_state_machine_as_test(
        Workers,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
