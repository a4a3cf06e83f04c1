"""What rules are held against: gauges of the installation, and what the deep checks found last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.monitoring.alerts.rules import HEALTH_DEGRADED, HEALTH_FAILED, RULES
from apps.monitoring.models import HealthCheck, HealthState
from ragsite.core.metrics.declared import metric_named
from ragsite.core.metrics.readings import Reading

Observed = Mapping[str, Mapping[str, float]]
"""By metric and subject. A metric that is not there could not be read; a subject that is not there is no more."""


def observed(readings: Iterable[Reading], health: Iterable[HealthCheck]) -> Observed:
    """The values that rules ask for."""
    found: dict[str, dict[str, float]] = {HEALTH_FAILED: {}, HEALTH_DEGRADED: {}}
    labels = {rule.metric: rule.by for rule in RULES}
    for reading in readings:
        if reading.name in labels:
            values = found.setdefault(reading.name, {})
            subject = _subject(reading, labels[reading.name])
            values[subject] = max(values.get(subject, 0.0), reading.value)
    for row in health:
        subject = subject_of(row)
        found[HEALTH_FAILED][subject] = float(row.state == HealthState.FAILED)
        found[HEALTH_DEGRADED][subject] = float(row.state == HealthState.DEGRADED)
    return found


def subject_of(row: HealthCheck) -> str:
    """What alerts call the part."""
    return f"{row.name}: {row.subject}" if row.subject else row.name


def _subject(reading: Reading, by: str) -> str:
    names = [label.name for label in metric_named(reading.name).labels]
    return reading.labels[names.index(by)] if by else ""
