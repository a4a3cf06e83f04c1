"""The least workers that make documents ready in time: tried by simulation, from what the load needs at the least upwards."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from apps.monitoring.capacity.simulating import NO_FAILURES, Failures, Load, Outcome, Stage, simulate
from apps.monitoring.capacity.times import CapacityError

MOST_WORKERS = 1_000
STEP = 0.05
"""By this share the workers that are waited for longest grow, by one at the least."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The workers of each kind, and what the simulation said of them."""

    workers: Mapping[str, int]
    outcome: Outcome


def workers_at_least(stages: Sequence[Stage], per_hour: float) -> dict[str, int]:
    """With fewer the queue grows for ever: full claims, and everybody always at work, are just not enough."""
    needed: dict[str, float] = {}
    for stage in stages:
        each = stage.times.mean(stage.claims) / stage.claims
        needed[stage.workers] = needed.get(stage.workers, 0.0) + each * per_hour / 3600
    return {kind: math.floor(number) + 1 for kind, number in needed.items()}


def workers_needed(
    stages: Sequence[Stage], load: Load, *, within: float, failures: Failures = NO_FAILURES, seed: int = 1
) -> Plan:
    """The workers with which 95 % of the documents are ready within so many seconds.

    Raises:
        CapacityError: no number of workers does it.
    """
    arrivals = load.arrivals(random.Random(seed))  # noqa: S311 - no secret

    def tried(workers: Mapping[str, int]) -> Plan:
        return Plan(dict(workers), simulate(stages, workers, arrivals, failures=failures, seed=seed))

    _reachable_check(stages, within)
    least = workers_at_least(stages, load.per_hour)
    if max(least.values()) > MOST_WORKERS:
        raise CapacityError(
            f"The load keeps {max(least.values()):,} workers of a kind at work; {MOST_WORKERS:,} are the most that are tried.",
            action="Give the workers faster machines, or plan for parts of the load.",
        )
    plan = tried(least)
    while plan.outcome.ready.p95 > within:
        kind = _waited_for(stages, plan)
        if kind is None:
            raise CapacityError(
                f"With {MOST_WORKERS:,} workers of a kind it still takes {plan.outcome.ready.p95:,.1f} seconds.",
                action="Allow more time, or let documents come in smaller groups.",
            )
        grown = plan.workers[kind] + max(1, int(STEP * plan.workers[kind]))
        plan = tried({**plan.workers, kind: min(MOST_WORKERS, grown)})
    for fewer in _with_one_less(plan.workers, least):
        smaller = tried({**plan.workers, **fewer})
        plan = smaller if smaller.outcome.ready.p95 <= within else plan
    return plan


def _reachable_check(stages: Sequence[Stage], within: float) -> None:
    alone = sum(stage.times.mean(1) + stage.times.handover for stage in stages)
    if alone > within:
        raise CapacityError(
            f"A document alone takes {alone:,.1f} seconds on average, so no number of workers makes it {within:,.1f}.",
            action="Allow more time, or give the workers faster machines.",
        )


def _waited_for(stages: Sequence[Stage], plan: Plan) -> str | None:
    """The kind of workers that is waited for longest, of those that may be more."""
    waits: dict[str, float] = {}
    for stage in stages:
        if plan.workers[stage.workers] < MOST_WORKERS:
            waits[stage.workers] = waits.get(stage.workers, 0.0) + plan.outcome.waits[stage.name].p95
    return max(waits, key=lambda kind: waits[kind], default=None)


def _with_one_less(workers: Mapping[str, int], least: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Each kind by what its last step may have been too much."""
    for kind, number in workers.items():
        if number > least[kind]:
            yield {kind: number - 1}
