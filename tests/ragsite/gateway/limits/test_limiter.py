"""Limits while Redis is there, away, frozen, and back with nothing of what it knew."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from ragsite.core.limits import LimitKind, Per, Work
from ragsite.gateway.errors import LimitsUnavailableError
from ragsite.gateway.limits import limiter as limiters
from ragsite.gateway.limits import redis_store
from ragsite.gateway.limits.buckets import Bucket, Demand, Party, PartyKind
from ragsite.gateway.limits.keeper import Keeper
from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.quotas import quota_uses_purge, quotas_used
from ragsite.gateway.models import QuotaUse, Tenant
from tests import factories as make
from tests import turns

MINUTE, DAY = LimitKind(Work.ANSWERS, Per.MINUTE), LimitKind(Work.ANSWERS, Per.DAY)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return make.tenant()


def bucket_of(tenant: Tenant, kind: LimitKind, limit: int) -> Bucket:
    party = Party(PartyKind.TENANT, "", str(tenant.pk), {kind: limit})
    return Bucket.of(party, kind, datetime.now(UTC))


def granted(limiter: Limiter, bucket: Bucket, times: int) -> int:
    return sum(limiter.take([Demand(bucket, 1)]).is_granted for _ in range(times))


@pytest.fixture
def frozen(settings: Any) -> Iterator[socket.socket]:
    """A Redis that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        settings.RAGSITE_REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def waiting_connections(server: socket.socket) -> int:
    """How many have connected to a server that never took one."""
    server.setblocking(False)
    for count in itertools.count():
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return count
    raise AssertionError("unreachable")


@pytest.fixture
def away(settings: Any) -> Callable[[bool], None]:
    """Sets whether Redis is there; time passes until it is asked again."""
    there, nowhere = settings.RAGSITE_REDIS_URL, "redis://127.0.0.1:1/0"

    def be(is_away: bool) -> None:
        settings.RAGSITE_REDIS_URL = nowhere if is_away else there

    return be


def test_what_all_processes_take_together_is_within_the_limit(tenant: Tenant) -> None:
    bucket = bucket_of(tenant, MINUTE, 6)
    processes = [Limiter() for _ in range(3)]
    assert sum(granted(one, bucket, 4) for one in processes) == 6


def test_of_a_hundred_requests_one_waits_for_a_frozen_redis(tenant: Tenant, frozen: socket.socket) -> None:
    assert 50 <= granted(Limiter(), bucket_of(tenant, MINUTE, 50), 100) <= 51
    assert waiting_connections(frozen) == 1


def test_without_redis_each_process_has_its_share(tenant: Tenant, away: Callable[[bool], None]) -> None:
    first, second = Limiter(), Limiter()
    for one in (first, second):
        one._processes = 2
    away(True)
    bucket = bucket_of(tenant, MINUTE, 10)
    assert [granted(one, bucket, 10) for one in (first, second)] == [5, 5]


@pytest.mark.parametrize(("choice", "expected"), [("open", 30), ("local", 5)])
def test_without_redis_the_installation_chooses(
    tenant: Tenant, away: Callable[[bool], None], settings: Any, choice: str, expected: int
) -> None:
    settings.RAGSITE_LIMITS_WITHOUT_REDIS = choice
    away(True)
    assert granted(Limiter(), bucket_of(tenant, MINUTE, 5), 30) == expected


def test_an_installation_may_serve_nobody_without_redis(
    tenant: Tenant, away: Callable[[bool], None], settings: Any
) -> None:
    settings.RAGSITE_LIMITS_WITHOUT_REDIS = "closed"
    away(True)
    with pytest.raises(LimitsUnavailableError) as caught:
        granted(Limiter(), bucket_of(tenant, MINUTE, 5), 1)
    assert (caught.value.http_status, caught.value.error_code) == (503, "limits_unavailable")
    assert caught.value.retry_after


def test_a_redis_that_lost_everything_is_told_what_is_used_of_a_quota(tenant: Tenant) -> None:
    limiter, bucket = Limiter(), bucket_of(tenant, DAY, 10)
    assert granted(limiter, bucket, 6) == 6
    limiter.uses_write()
    redis_store._client(redis_store._url()).delete(bucket.key)
    assert granted(Limiter(), bucket, 10) == 4


def test_of_a_lost_redis_only_what_other_processes_have_not_written_is_forgotten(tenant: Tenant) -> None:
    writes, dies, bucket = Limiter(), Limiter(), bucket_of(tenant, DAY, 10)
    assert granted(writes, bucket, 4) + granted(dies, bucket, 3) == 7
    redis_store._client(redis_store._url()).delete(bucket.key)
    assert granted(writes, bucket, 10) == 6  # and not 3: three are lost with the process that had not written them


def test_what_was_taken_while_redis_was_away_counts_when_it_is_back(
    tenant: Tenant, away: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiters, "PAUSE_SECONDS", 0.0)
    limiter, bucket = Limiter(), bucket_of(tenant, DAY, 10)
    assert granted(limiter, bucket, 2) == 2
    away(True)
    assert granted(limiter, bucket, 5) == 5
    away(False)
    assert granted(limiter, bucket, 10) == 3


def test_what_is_used_is_written_in_one_statement_and_adds_up(tenant: Tenant, django_assert_num_queries: Any) -> None:
    gone = Tenant(name="Gone", slug="gone")
    limiters_, buckets = [Limiter(), Limiter()], [bucket_of(one, DAY, 100) for one in (tenant, gone)]
    for one in limiters_:
        for bucket in buckets:
            granted(one, bucket, 5)
        one.change([(buckets[0], -1)])
        with django_assert_num_queries(1):
            one.uses_write()
        with django_assert_num_queries(0):
            one.uses_write()
    quota = buckets[0].quota
    assert quota is not None
    assert quotas_used([quota]) == {quota: 8}
    assert QuotaUse.objects.count() == 1  # what was used of a tenant that is gone is nobody's


def test_what_cannot_be_written_is_kept(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, bucket = Limiter(), bucket_of(tenant, DAY, 10)
    granted(limiter, bucket, 3)

    def fails(uses: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("ragsite.gateway.limits.quotas.quota_uses_add", fails)
        with pytest.raises(ZeroDivisionError):
            limiter.uses_write()
    limiter.uses_write()
    assert bucket.quota is not None
    assert quotas_used([bucket.quota])[bucket.quota] == 3


def test_a_process_knows_how_many_count(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragsite.gateway.limits.redis_store.PROCESSES", f"rag:limit:processes:{tenant.pk}")
    first, second = Limiter(), Limiter()
    Keeper(first)._limiter.beat()
    monkeypatch.setattr("os.getpid", lambda: 1)
    second.beat()
    assert (first._processes, second._processes) == (1, 2)


def test_uses_are_purged_after_a_year(tenant: Tenant) -> None:
    today = timezone.now().date()
    for year in (today.year, today.year - 2):
        QuotaUse.objects.create(
            tenant=tenant, whose="tenant", work="answers", per="day", begins=today.replace(year=year, day=1)
        )
    assert not quota_uses_purge(turns.long())
    assert [one.begins.year for one in QuotaUse.objects.all()] == [today.year]
