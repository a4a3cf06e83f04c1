"""Gauges that nobody keeps: they are read when somebody scrapes, and what was read is told again for some seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import Error
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ragsite.core.metrics.declared import metric_named
from ragsite.core.metrics.instruments import Bounds

logger = logging.getLogger(__name__)

OK = "ragsite_reading_ok"


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a gauge, with its labels in the order of the table."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Source:
    """Where gauges are read. What was read is told for `kept_seconds`, so that many scrapes cost no more than one."""

    def __init__(
        self, name: str, read: Callable[[], Iterable[Reading]], *, kept_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.name = name
        self._read, self._kept_seconds, self._clock = read, kept_seconds, clock
        self._kept: Sequence[Reading] = ()
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def readings(self) -> Sequence[Reading]:
        """As of now, or of a few seconds ago. While it can't be read there is only a `ragsite_reading_ok` of 0."""
        with self._lock:  # One asks, and the others of a storm are told what it was answered.
            if self._read_at is None or self._clock() - self._read_at >= self._kept_seconds:
                self._kept, self._read_at = self._try(), self._clock()
            return self._kept

    def _try(self) -> Sequence[Reading]:
        try:
            return [*self._read(), Reading(OK, 1, (self.name,))]
        except (Error, OSError):
            logger.warning("metrics of the %s were not read", self.name, exc_info=True)
            return [Reading(OK, 0, (self.name,))]


class Readings(Collector):
    """All sources of a process."""

    def __init__(self, *sources: Source) -> None:
        self._sources = list(sources)
        self._bounds: dict[str, Bounds] = {}
        self._lock = threading.Lock()

    def add(self, source: Source) -> None:
        """Read this one, too; nothing happens where one of that name is read already."""
        with self._lock:
            if all(one.name != source.name for one in self._sources):
                self._sources.append(source)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: to be registered they need not be read."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges, those whose labels came to the same added up."""
        found = [reading for source in list(self._sources) for reading in source.readings()]
        with self._lock:
            totals: dict[str, dict[tuple[str, ...], float]] = {}
            for reading in found:
                labels = self._bounds_of(reading.name).within(reading.labels)
                of_metric = totals.setdefault(reading.name, {})
                of_metric[labels] = of_metric.get(labels, 0.0) + reading.value
            return [self._family(name, values) for name, values in totals.items()]

    def _bounds_of(self, name: str) -> Bounds:
        if name not in self._bounds:
            self._bounds[name] = Bounds(metric_named(name))
        return self._bounds[name]

    def _family(self, name: str, values: dict[tuple[str, ...], float]) -> GaugeMetricFamily:
        metric = self._bounds[name].metric
        family = GaugeMetricFamily(name, metric.sentence, labels=[label.name for label in metric.labels])
        for labels, value in values.items():
            family.add_metric(labels, value)
        return family


READINGS = Readings()
"""Those of this process."""
