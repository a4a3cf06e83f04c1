"""The queues as a simulation of discrete events: documents arrive, workers claim them stage by stage, and workers die.

It does as the workers do: a free worker takes as many of what waits longest as a claim may hold, and works on them together. What
a worker held that dies waits for its lease to end. Neither tenants nor the broker are in it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import simpy

from apps.monitoring.capacity.times import StageTimes

Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: whose workers take it up, how many documents a claim holds at most, how long that takes."""

    name: str
    workers: str
    claims: int
    times: StageTimes


@dataclass(frozen=True, slots=True)
class Load:
    """So many documents in all. They arrive `together` at random moments, `per_hour` of them; all at once where that is 0."""

    documents: int
    per_hour: float
    together: int = 1

    def arrivals(self, chance: random.Random) -> list[float]:
        """The moment of each document, in seconds: those of a Poisson process."""
        moments, moment = list[float](), 0.0
        while len(moments) < self.documents:
            moment += chance.expovariate(self.per_hour / self.together / 3600) if self.per_hour else 0.0
            moments += [moment] * (self.together if self.per_hour else self.documents)
        return moments[: self.documents]


@dataclass(frozen=True, slots=True)
class Failures:
    """A worker dies on average after so many hours (0: never) and is there again `down_seconds` later; what it held waits for
    its lease and the sweep.
    """

    every_hours: float = 0.0
    down_seconds: float = 30.0
    lease_seconds: float = 17.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Of seconds: the mean, and what half, 95 % and 99 % stay below."""

    mean: float
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        ordered = sorted(values) or [0.0]
        return cls(
            fmean(ordered), *(ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99))
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: seconds from arrival to the end of the last stage, and how long each stage was waited for; the share
    of their time that workers worked; how many died at work; and how long all of it took.
    """

    ready: Spread
    waits: Mapping[str, Spread]
    busy: Mapping[str, float]
    died: int
    seconds: float


NO_FAILURES = Failures()


def simulate(
    stages: Sequence[Stage], workers: Mapping[str, int], arrivals: Sequence[float], *,
    failures: Failures = NO_FAILURES, seed: int = 1,
) -> Outcome:  # fmt: skip
    """Run documents that arrive at these moments through the stages. The same seed gives the same outcome."""
    return _Run(stages, workers, failures, random.Random(seed)).outcome(arrivals)  # noqa: S311 - no secret


@dataclass(slots=True)
class _Line:
    """What waits for a stage, and since when."""

    stage: Stage
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    waits: list[float] = field(default_factory=list)


class _Run:
    def __init__(
        self, stages: Sequence[Stage], workers: Mapping[str, int], failures: Failures, chance: random.Random
    ) -> None:
        self._env, self._failures, self._chance = simpy.Environment(), failures, chance
        self._lines = [_Line(stage) for stage in stages]
        self._next = {line.stage.name: after for line, after in zip(self._lines, [*self._lines[1:], None], strict=True)}
        self._workers = workers
        self._idle: dict[str, deque[simpy.Event]] = {kind: deque() for kind in workers}
        self._worked = dict.fromkeys(workers, 0.0)
        self._arrived: dict[int, float] = {}
        self._ready: list[float] = []
        self._died = 0

    def outcome(self, arrivals: Sequence[float]) -> Outcome:
        ordered = sorted(arrivals)
        end = self._env.event()
        self._env.process(self._arrive(ordered))
        for kind, number in self._workers.items():
            for _ in range(number):
                self._env.process(self._work(kind, end, len(ordered)))
        self._env.run(until=end)
        lasted = self._env.now - (ordered[0] if ordered else 0.0)
        return Outcome(
            ready=Spread.of(self._ready),
            waits={line.stage.name: Spread.of(line.waits) for line in self._lines},
            busy={kind: self._worked[kind] / max(lasted * number, 1e-9) for kind, number in self._workers.items()},
            died=self._died,
            seconds=lasted,
        )

    def _arrive(self, moments: Sequence[float]) -> Process:
        for document, moment in enumerate(moments):
            if moment > self._env.now:
                yield self._env.timeout(moment - self._env.now)
            self._arrived[document] = moment
            self._hand_over([document], self._lines[0], self._lines[0].stage.times.handover)

    def _hand_over(self, documents: Sequence[int], line: _Line, seconds: float) -> None:
        """Let documents wait for a stage, so many seconds from now."""
        if seconds:
            self._env.timeout(seconds).callbacks.append(lambda _: self._put(documents, line))
        else:
            self._put(documents, line)

    def _put(self, documents: Sequence[int], line: _Line) -> None:
        line.waiting.extend((document, self._env.now) for document in documents)
        idle = self._idle[line.stage.workers]
        for _ in range(-(-len(documents) // line.stage.claims)):
            if idle:
                idle.popleft().succeed()

    def _work(self, kind: str, end: simpy.Event, total: int) -> Process:
        dies_at = self._death()
        while True:
            line = self._longest(kind)
            if line is None:
                woken = self._env.event()
                self._idle[kind].append(woken)
                yield woken
                continue
            if self._env.now > dies_at:
                dies_at = self._death()
            claim = list(self._claimed(line))
            seconds = line.stage.times.drawn(len(claim), self._chance)
            if self._env.now + seconds > dies_at:
                yield from self._die(line, claim, max(0.0, dies_at - self._env.now))
                dies_at = self._death()
                continue
            yield self._env.timeout(seconds)
            self._worked[kind] += seconds
            self._done(line, claim)
            if len(self._ready) == total and not end.triggered:
                end.succeed()

    def _longest(self, kind: str) -> _Line | None:
        waiting = [line for line in self._lines if line.stage.workers == kind and line.waiting]
        return min(waiting, key=lambda line: line.waiting[0][1], default=None)

    def _claimed(self, line: _Line) -> Iterator[int]:
        for _ in range(min(line.stage.claims, len(line.waiting))):
            document, since = line.waiting.popleft()
            line.waits.append(self._env.now - since)
            yield document

    def _done(self, line: _Line, claim: Sequence[int]) -> None:
        after = self._next[line.stage.name]
        if after is None:
            self._ready += [self._env.now - self._arrived[document] for document in claim]
        else:
            self._hand_over(claim, after, after.stage.times.handover)

    def _die(self, line: _Line, claim: Sequence[int], left: float) -> Process:
        yield self._env.timeout(left)
        self._died += 1
        self._hand_over(claim, line, self._failures.lease_seconds)
        yield self._env.timeout(self._failures.down_seconds)

    def _death(self) -> float:
        """When the worker dies next. One that has nothing to do then is there again before anybody misses it."""
        if not self._failures.every_hours:
            return float("inf")
        return self._env.now + self._chance.expovariate(1 / (3600 * self._failures.every_hours))
