from __future__ import annotations

import random
from statistics import fmean

import pytest

from apps.monitoring.capacity.planning import workers_needed
from apps.monitoring.capacity.simulating import Failures, Load, Stage, simulate
from apps.monitoring.capacity.times import CapacityError, ClaimSeen, StageTimes, times_fitted

CHANCE = random.Random(7)
EXPONENTIAL = tuple(CHANCE.expovariate(1.0) for _ in range(20_000))
"""Ratios of service times that have no memory, as the theory wants them."""

MEAN = 2.0


def served(mean: float = MEAN, **given: object) -> Stage:
    total = fmean(EXPONENTIAL)
    return Stage("parse", "parsing", 1, StageTimes(0.0, mean, tuple(one / total for one in EXPONENTIAL)))


def steady(
    name: str, kind: str, *, fixed: float = 0.0, each: float = 1.0, claims: int = 1, handover: float = 0.0
) -> Stage:
    return Stage(name, kind, claims, StageTimes(fixed, each, handover=handover))


def erlang_c(workers: int, offered: float) -> float:
    """The chance to wait in a queue M/M/c (Erlang 1917), by the recurrence of the blocking formula."""
    blocked = 1.0
    for number in range(1, workers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    share = offered / workers
    return blocked / (1 - share * (1 - blocked))


@pytest.mark.parametrize(("workers", "share"), [(1, 0.6), (3, 0.8), (40, 0.9)])
def test_waits_are_those_of_the_theory_of_queues(workers: int, share: float) -> None:
    offered = workers * share
    load = Load(20_000, 3600 * offered / MEAN)
    outcome = simulate([served()], {"parsing": workers}, load.arrivals(random.Random(3)), seed=5)
    expected = erlang_c(workers, offered) * MEAN / (workers - offered)
    assert outcome.waits["parse"].mean == pytest.approx(expected, rel=0.2)
    assert outcome.ready.mean == pytest.approx(expected + MEAN, rel=0.1)
    assert outcome.busy["parsing"] == pytest.approx(share, rel=0.05)


def test_a_burst_takes_as_long_as_its_claims_shared_among_the_workers() -> None:
    stages = [
        steady("parse", "parsing", each=1.0, claims=8),
        steady("chunk", "general", fixed=0.5, each=0.0, claims=16),
    ]
    outcome = simulate(stages, {"parsing": 3, "general": 1}, Load(48, 0.0).arrivals(CHANCE))
    assert outcome.seconds == pytest.approx(16.0 + 2 * 0.5)
    assert outcome.waits["parse"].p50 in (0.0, 8.0)


def test_what_waits_longest_is_taken_up_first_by_workers_of_two_stages() -> None:
    stages = [steady("chunk", "general", each=1.0), steady("activate", "general", each=1.0)]
    outcome = simulate(stages, {"general": 1}, [0.0, 0.0, 0.0])
    assert outcome.ready.p99 == 6.0
    assert outcome.ready.mean == pytest.approx((4.0 + 5.0 + 6.0) / 3)


def test_the_same_seed_gives_the_same_outcome_and_a_document_is_never_lost() -> None:
    failures = Failures(every_hours=0.05, down_seconds=20.0, lease_seconds=15.0)
    arrivals = Load(2_000, 7_200).arrivals(random.Random(1))
    stages = [steady("parse", "parsing", each=2.0), steady("chunk", "general", each=0.2)]
    one, two = (simulate(stages, {"parsing": 8, "general": 2}, arrivals, failures=failures, seed=9) for _ in range(2))
    assert one == two
    assert one.died > 10
    calm = simulate(stages, {"parsing": 8, "general": 2}, arrivals, seed=9)
    assert one.ready.p99 > calm.ready.p99 + 10, "what a dead worker held waits for its lease"
    assert one.ready.p50 == pytest.approx(calm.ready.p50, abs=1.0)


def test_a_plan_holds_and_with_one_worker_less_it_does_not() -> None:
    stages = [
        served(3.0),
        steady("chunk", "general", each=0.3, claims=16),
        steady("embed", "models", fixed=0.2, each=0.8, claims=32),
    ]
    load = Load(1_500, 6_000)
    plan = workers_needed(stages, load, within=20.0)
    assert plan.outcome.ready.p95 <= 20.0
    kind = max(plan.workers, key=lambda one: plan.workers[one])
    fewer = simulate(stages, {**plan.workers, kind: plan.workers[kind] - 1}, load.arrivals(random.Random(1)))
    assert fewer.ready.p95 > 20.0


def test_a_load_for_a_thousand_workers_is_planned() -> None:
    plan = workers_needed([served(60.0)], Load(5_000, 50_000), within=250.0)
    assert 834 <= plan.workers["parsing"] <= 1_000


@pytest.mark.parametrize(
    ("within", "per_hour", "sentence"),
    [(1.0, 100, "A document alone takes 2.0 seconds"), (12.0, 4_000_000, "keeps 2,223 workers of a kind at work")],
)
def test_what_no_number_of_workers_can_do_is_said(within: float, per_hour: float, sentence: str) -> None:
    with pytest.raises(CapacityError, match=sentence):
        workers_needed([served()], Load(3_000, per_hour), within=within)


def test_times_are_the_line_through_claims_and_their_spread_about_it() -> None:
    claims = [ClaimSeen("parse", size, 0.5 + 0.25 * size) for size in (1, 2, 4, 8) for _ in range(5)]
    found = times_fitted(claims)
    assert (found.fixed, found.each) == (pytest.approx(0.5), pytest.approx(0.25))
    assert fmean(found.ratios) == pytest.approx(1.0)
    of_one_size = times_fitted([ClaimSeen("parse", 4, seconds) for seconds in (1.0, 3.0)])
    assert (of_one_size.fixed, of_one_size.each, of_one_size.ratios) == (0.0, 0.5, (0.5, 1.5))
    assert times_fitted([ClaimSeen("parse", 1, 4.0), ClaimSeen("parse", 8, 1.0)]).each == 0.0
    assert StageTimes.from_dict(found.as_dict()) == found


@pytest.mark.parametrize("given", [{}, {"fixed": 1}, {"fixed": "x", "each": 1}, {"fixed": 1, "each": -1}])
def test_a_file_of_other_things_than_times_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(CapacityError, match="The file of times"):
        StageTimes.from_dict(given)
