"""What code counts with: the metrics of the table, each kept by prometheus_client.

They are made when they are first used, not when they are named: a worker that forks decides before that how they are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from ragsite.core.metrics.declared import OTHER, Kind, Metric, metric_named

_here: list[Any] = []
"""The instruments of this process that are told by the registry of all."""

T = TypeVar("T", Counter, Gauge, Histogram)


class Bounds:
    """The values that the labels of a metric have had in this process."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._known: list[set[str]] = [set() for _ in metric.labels]

    def within(self, values: Sequence[str]) -> tuple[str, ...]:
        """The values, with `other` for each that is one too many for its label.

        Raises:
            ValueError: there are more of them, or fewer, than labels.
        """
        if len(values) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} has {len(self.metric.labels)} labels, not {len(values)}")
        return tuple(self._bounded(place, str(value)) for place, value in enumerate(values))

    def _bounded(self, place: int, value: str) -> str:
        known = self._known[place]
        if value not in known and len(known) >= self.metric.labels[place].most:
            return OTHER
        known.add(value)
        return value


class Instrument(Generic[T]):
    """A metric in this process."""

    def __init__(self, metric: Metric, of: type[T], registry: CollectorRegistry) -> None:
        self.metric = metric
        self._of: type[T] = of
        self._registry = registry
        self._made: T | None = None
        self._children: dict[tuple[str, ...], T] = {}
        self._bounds = Bounds(metric)
        self._lock = threading.Lock()
        if registry is REGISTRY:
            _here.append(self)

    def labels(self, *values: str) -> T:
        """The series with these values, in the order of the table; a value beyond the most of its label is told as `other`."""
        found = self._children.get(values)
        return found if found is not None else self._child(values)

    def make(self) -> T:
        """Begin to tell it, before anything was counted."""
        with self._lock:
            return self._make()

    def _make(self) -> T:
        if self._made is None:
            kept: dict[str, Any] = {"buckets": self.metric.buckets} if self.metric.kind is Kind.HISTOGRAM else {}
            if self.metric.kind is Kind.GAUGE:
                kept["multiprocess_mode"] = "livesum"
            names = [label.name for label in self.metric.labels]
            self._made = self._of(self.metric.name, self.metric.sentence, names, registry=self._registry, **kept)
        return self._made

    def _child(self, values: tuple[str, ...]) -> T:
        with self._lock:
            bounded, made = self._bounds.within(values), self._make()
            child: T = made.labels(*bounded) if bounded else made
            # Not those told together, of which there is no end.
            if bounded == values:
                self._children[values] = child
            return child


def instruments_make() -> None:
    """Begin to tell whatever this process may count, so that it is seen that nothing was counted yet."""
    for instrument in _here:
        instrument.make()


def counter(name: str, registry: CollectorRegistry = REGISTRY) -> Instrument[Counter]:
    """The counter of that name; `registry` is another one in tests."""
    return Instrument(_row(name, Kind.COUNTER), Counter, registry)


def gauge(name: str, registry: CollectorRegistry = REGISTRY) -> Instrument[Gauge]:
    """The gauge of that name."""
    return Instrument(_row(name, Kind.GAUGE), Gauge, registry)


def histogram(name: str, registry: CollectorRegistry = REGISTRY) -> Instrument[Histogram]:
    """The histogram of that name."""
    return Instrument(_row(name, Kind.HISTOGRAM), Histogram, registry)


def _row(name: str, kind: Kind) -> Metric:
    found = metric_named(name)
    if found.kind is not kind:
        raise LookupError(f"{name} is a {found.kind}, not a {kind}")
    return found
