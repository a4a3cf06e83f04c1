from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models.functions import Now

from apps.documents.models import DocumentVersion
from ragsite.core.heartbeats import Held, heartbeat
from ragsite.core.leases import BACKOFF_SECONDS, Claim, backoff, lease_claim, lease_release, lease_renew
from tests import factories as make
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db

PAST, FUTURE = Now() - timedelta(seconds=1), Now() + timedelta(hours=1)


def versions(number: int) -> list[UUID]:
    base = make.knowledge_base()
    return [make.upload(base, filename="note.md").version.pk for _ in range(number)]


def rows() -> Any:
    return DocumentVersion.objects.order_by("id")


def change(pk: UUID, **fields: Any) -> None:
    DocumentVersion.objects.filter(pk=pk).update(**fields)


def test_a_claim_takes_rows_in_their_order_up_to_the_limit() -> None:
    first, second, third = versions(3)
    assert lease_claim(rows(), limit=2).ids == (first, second)
    assert lease_claim(rows(), limit=2).ids == (third,)
    assert lease_claim(rows(), limit=2).ids == ()


def test_a_claim_counts_the_attempt_before_the_work_starts() -> None:
    claimed, left = versions(2)
    lease_claim(rows(), limit=1)
    assert dict(rows().values_list("pk", "attempts")) == {claimed: 1, left: 0}


@pytest.mark.parametrize(
    ("fields", "is_claimable"),
    [
        ({}, True),
        ({"lease_until": PAST}, True),
        ({"lease_until": FUTURE}, False),
        ({"not_before": FUTURE}, False),
        ({"not_before": FUTURE, "lease_until": PAST}, False),
    ],
    ids=["free", "lease ran out", "held", "not yet due", "ran out but not yet due"],
)
def test_only_a_row_that_nobody_holds_and_whose_time_has_come_is_claimed(
    fields: dict[str, Any], is_claimable: bool
) -> None:
    (pk,) = versions(1)
    change(pk, **fields)
    assert lease_claim(rows(), limit=5).ids == ((pk,) if is_claimable else ())


def test_a_lost_lease_is_not_renewed_and_the_new_holder_keeps_it() -> None:
    (pk,) = versions(1)
    lost = lease_claim(rows(), limit=1)
    change(pk, lease_until=PAST)
    assert lease_renew(DocumentVersion, lost) == 0, "an expired lease came back to life"
    taken_over = lease_claim(rows(), limit=1)
    assert lease_renew(DocumentVersion, lost) == 0
    assert lease_renew(DocumentVersion, taken_over) == 1
    assert DocumentVersion.objects.get().lease_owner == taken_over.owner != lost.owner


def test_a_renewed_lease_ends_later() -> None:
    (pk,) = versions(1)
    claim = lease_claim(rows(), limit=1)
    change(pk, lease_until=Now() + timedelta(milliseconds=500))
    soon = DocumentVersion.objects.get().lease_until
    assert lease_renew(DocumentVersion, claim) == 1
    assert DocumentVersion.objects.get().lease_until > soon


def test_a_released_row_is_free_again_and_its_attempt_does_not_count() -> None:
    (pk,) = versions(1)
    claim = lease_claim(rows(), limit=1)
    lease_release(DocumentVersion, claim, [pk])
    version = DocumentVersion.objects.get()
    assert (version.attempts, version.lease_owner, version.lease_until) == (0, "", None)
    assert lease_claim(rows(), limit=1).ids == (pk,)


def test_only_the_holder_can_release() -> None:
    (pk,) = versions(1)
    claim = lease_claim(rows(), limit=1)
    lease_release(DocumentVersion, Claim(owner="somebody else", ids=(pk,)), [pk])
    assert DocumentVersion.objects.get().lease_owner == claim.owner


@pytest.mark.django_db(transaction=True)
def test_parallel_claims_never_share_a_row() -> None:
    made = set(versions(24))
    claims = make.in_parallel(8, lambda: lease_claim(rows(), limit=3))
    taken = [pk for claim in claims for pk in claim.ids]
    assert len(taken) == len(set(taken)), "a row was claimed twice"
    taken += lease_claim(rows(), limit=100).ids
    assert set(taken) == made
    assert set(rows().values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_rows_that_another_transaction_has_locked() -> None:
    first, second = versions(2)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(DocumentVersion.objects.select_for_update().filter(pk=first))
            locked.set()
            done.wait(10)

    with make.in_background(hold):
        assert locked.wait(10)
        assert lease_claim(rows(), limit=5).ids == (second,)
        done.set()


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_prolongs_the_lease_for_as_long_as_the_work_lasts(settings: Any) -> None:
    settings.RAGSITE_LEASE_SECONDS = 1
    versions(1)
    claim = lease_claim(rows(), limit=1)
    begun = DocumentVersion.objects.get().lease_until
    with heartbeat(Held(DocumentVersion, claim)):
        outlived = begun + timedelta(seconds=1)
        wait_for(
            lambda: DocumentVersion.objects.get().lease_until > outlived,
            seconds=10,
            what="the lease was prolonged twice",
        )
        assert lease_claim(rows(), limit=1).ids == ()
    assert not [thread for thread in threading.enumerate() if thread.name == "lease-heartbeat"]


@pytest.mark.django_db(transaction=True)
def test_without_a_heartbeat_the_work_can_be_claimed_again(settings: Any) -> None:
    settings.RAGSITE_LEASE_SECONDS = 0.2
    (pk,) = versions(1)
    lease_claim(rows(), limit=1)
    settings.RAGSITE_LEASE_SECONDS = 10
    wait_for(lambda: lease_claim(rows(), limit=1).ids == (pk,), seconds=10, what="the expired lease could be claimed")
    assert DocumentVersion.objects.get().attempts == 2


@pytest.mark.parametrize("at_least", [0.0, 5.0])
def test_a_thousand_that_failed_together_do_not_come_back_together(at_least: float) -> None:
    """Also not where what they asked said when to come back."""
    for attempts in (1, 2):
        waits = [backoff(attempts, at_least=at_least).total_seconds() for _ in range(1_000)]
        assert min(waits) >= at_least
        seconds = Counter(int(wait) for wait in waits)
        assert max(seconds.values()) <= 3 * len(waits) / (BACKOFF_SECONDS * 2**attempts)
