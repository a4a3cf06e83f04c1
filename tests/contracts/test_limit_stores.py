"""What every store of limits does, for all processes or for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ragsite.core.limits import LimitKind, Per, Work
from ragsite.gateway.limits import buckets, redis_store
from ragsite.gateway.limits.buckets import Bucket, Demand, Party, PartyKind, Store, Taken
from ragsite.gateway.limits.local_store import LocalStore
from ragsite.gateway.limits.redis_store import RedisStore

NOW = datetime.now(UTC)


@pytest.fixture(params=[RedisStore, LocalStore], ids=["redis", "local"])
def store(request: pytest.FixtureRequest) -> Store:
    made: Store = request.param()
    return made


@pytest.fixture
def bucket() -> Callable[..., Bucket]:
    """Makes buckets of one tenant that no other test has."""
    tenant = str(uuid4())

    def make(work: Work, per: Per, limit: int, kind: PartyKind = PartyKind.TENANT) -> Bucket:
        of = LimitKind(work, per)
        return Bucket.of(Party(kind, "", tenant, {of: limit}), of, NOW)

    return make


def take(store: Store, *demands: tuple[Bucket, int], place: str = "", used: dict[str, int] | None = None) -> Taken:
    asked = [Demand(bucket, cost) for bucket, cost in demands]
    return store.take(asked, place=place, used=used or {})


def test_a_bucket_gives_what_it_holds_and_then_says_how_long_to_wait(
    store: Store, bucket: Callable[..., Bucket]
) -> None:
    answers = bucket(Work.ANSWERS, Per.MINUTE, 3)
    assert [take(store, (answers, 1)).levels[0].left for _ in range(3)] == [2, 1, 0]
    refused = take(store, (answers, 1))
    assert not refused.is_granted
    assert 19 < refused.levels[0].wait <= 20


def test_a_bucket_refills_steadily(store: Store, bucket: Callable[..., Bucket]) -> None:
    requests = bucket(Work.REQUESTS, Per.MINUTE, 600)  # ten a second
    take(store, (requests, 600))
    refused = take(store, (requests, 1))
    assert not refused.is_granted
    until = time.monotonic() + 5
    while not take(store, (requests, 1)).is_granted:
        assert time.monotonic() < until


def test_of_several_buckets_all_are_taken_from_or_none(store: Store, bucket: Callable[..., Bucket]) -> None:
    wide, narrow = bucket(Work.ANSWERS, Per.MINUTE, 10), bucket(Work.ANSWERS, Per.MINUTE, 1, PartyKind.KEY)
    assert take(store, (wide, 1), (narrow, 1)).is_granted
    refused = take(store, (wide, 1), (narrow, 1))
    assert not refused.is_granted
    assert [one.wait > 0 for one in refused.levels] == [False, True]
    assert take(store, (wide, 0)).levels[0].left == 9


def test_what_is_larger_than_the_bucket_passes_once_it_is_full_and_leaves_a_debt(
    store: Store, bucket: Callable[..., Bucket]
) -> None:
    uploads = bucket(Work.UPLOAD_BYTES, Per.MINUTE, 1000)
    assert take(store, (uploads, 3000)).is_granted
    refused = take(store, (uploads, 1))
    assert not refused.is_granted
    assert 115 < refused.levels[0].wait < 125


def test_what_was_too_much_is_given_back_and_what_was_too_little_taken(
    store: Store, bucket: Callable[..., Bucket]
) -> None:
    tokens = bucket(Work.TOKENS, Per.MINUTE, 10)
    take(store, (tokens, 10))
    store.change([(tokens, -6)])
    assert take(store, (tokens, 1)).levels[0].left == 5
    store.change([(tokens, 8)])
    assert not take(store, (tokens, 1)).is_granted
    store.change([(tokens, -1_000)])
    assert take(store, (tokens, 0)).levels[0].left == 10


def test_a_quota_is_asked_for_until_it_is_told_and_then_counted(store: Store, bucket: Callable[..., Bucket]) -> None:
    answers = bucket(Work.ANSWERS, Per.MONTH, 10)
    assert take(store, (answers, 1)).unknown == (answers.key,)
    assert take(store, (answers, 1), used={answers.key: 8}).levels[0].left == 1
    assert take(store, (answers, 1), used={answers.key: 0}).levels[0].left == 0
    refused = take(store, (answers, 1))
    assert not refused.is_granted
    assert refused.levels[0].wait == pytest.approx(
        (answers.quota.ends - datetime.now(UTC)).total_seconds(), abs=5  # type: ignore[union-attr]
    )  # fmt: skip
    store.change([(answers, -2)])
    assert take(store, (answers, 2)).is_granted
    store.forget([answers.key])
    assert take(store, (answers, 1)).unknown


def test_a_limit_of_nothing_allows_nothing(store: Store, bucket: Callable[..., Bucket]) -> None:
    for per in (Per.MINUTE, Per.DAY):
        none = bucket(Work.ANSWERS, per, 0)
        assert not take(store, (none, 1), used={none.key: 0}).is_granted
    assert not take(store, (bucket(Work.STREAMS, Per.ONCE, 0), 1), place="one").is_granted


def test_places_are_free_again_when_they_are_left(store: Store, bucket: Callable[..., Bucket]) -> None:
    streams = bucket(Work.STREAMS, Per.ONCE, 2)
    assert [take(store, (streams, 1), place=name).is_granted for name in ("a", "b", "c")] == [True, True, False]
    store.places_leave([streams.key], "a")
    assert take(store, (streams, 1), place="c").is_granted


def test_a_place_of_who_died_is_free_after_its_lease_and_that_of_the_living_is_not(
    store: Store, bucket: Callable[..., Bucket], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("redis_store", "local_store"):
        monkeypatch.setattr(f"ragsite.gateway.limits.{module}.PLACE_SECONDS", 1.0)
    streams = bucket(Work.STREAMS, Per.ONCE, 2)
    for name in ("dead", "alive"):
        take(store, (streams, 1), place=name)
    until = time.monotonic() + 10
    while not take(store, (streams, 1), place="next").is_granted:
        store.places_hold([(streams.key, "alive")])
        assert time.monotonic() < until
    store.places_hold([(streams.key, "alive"), (streams.key, "next")])
    assert not take(store, (streams, 1), place="another").is_granted


def test_what_is_counted_in_redis_names_its_tenant_and_expires(bucket: Callable[..., Bucket]) -> None:
    store, client = RedisStore(), redis_store._client(redis_store._url())
    made = [bucket(Work.ANSWERS, Per.MINUTE, 5), bucket(Work.ANSWERS, Per.DAY, 5), bucket(Work.STREAMS, Per.ONCE, 5)]
    for one in made:
        take(store, (one, 1), place="one", used={one.key: 0})
        assert one.party.tenant in one.key
        assert 0 < client.pttl(one.key) <= (86_400 + 1) * 1000


def test_a_month_ends_where_the_next_begins() -> None:
    party = Party(PartyKind.TENANT, "", "", {})
    for month, ends in ((1, 2), (2, 3), (12, 1)):
        quota = buckets.Quota.at(party, LimitKind(Work.ANSWERS, Per.MONTH), datetime(2026, month, 28, tzinfo=UTC))
        assert (quota.begins.day, quota.ends.day, quota.ends.month) == (1, 1, ends)
    day = buckets.Quota.at(party, LimitKind(Work.ANSWERS, Per.DAY), NOW)
    assert day.ends - datetime.combine(day.begins, datetime.min.time(), tzinfo=UTC) == timedelta(days=1)
