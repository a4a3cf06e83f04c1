"""The rules of alerts, as one table, and what becomes of a rule as values come in. Pure: nobody is asked here.

An alert opens when a value has stood above a limit for some time, and closes when it has stood at or below a lower one for some
time. Between the two limits everything stays as it is. So a value that swings around a limit opens and closes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from django.utils.translation import gettext_noop

from apps.monitoring.models import Severity

HEALTH_FAILED, HEALTH_DEGRADED = "health failed", "health degraded"
"""By the part: 1 where its deep check found it so, 0 where not."""

PART_FAILS, PART_DEGRADED = "part-fails", "part-degraded"


@dataclass(frozen=True, slots=True)
class Rule:
    """`metric` is a gauge of the installation or one of the above, of which `by` is the label that tells subjects apart; the
    highest value of a subject counts.

    Above `opens` for `after` it opens, at or below `closes` for `calm` it closes. Words may name `%(subject)s`, `%(value)s` and
    the value as `%(minutes)s`. `page` is the name of the address where it is mended.
    """

    name: str
    severity: Severity
    metric: str
    opens: float
    closes: float
    after: timedelta
    calm: timedelta
    title: str
    advice: str
    page: str
    by: str = ""


S, MINUTE = Severity, timedelta(minutes=1)

RULES: tuple[Rule, ...] = (
    Rule(
        PART_FAILS, S.CRITICAL, HEALTH_FAILED, 0.5, 0.5, MINUTE, 2 * MINUTE,
        gettext_noop("A part does not work: %(subject)s."), gettext_noop("The page of health says what mends it."),
        "health-page",
    ),
    Rule(
        PART_DEGRADED, S.WARNING, HEALTH_DEGRADED, 0.5, 0.5, 3 * MINUTE, 2 * MINUTE,
        gettext_noop("A part works in part only: %(subject)s."), gettext_noop("The page of health says what mends it."),
        "health-page",
    ),
    Rule(
        "queue-waits", S.WARNING, "ragsite_queue_oldest_seconds", 600, 120, MINUTE, MINUTE,
        gettext_noop("Work in the queue %(subject)s has waited for %(minutes)s minutes."),
        gettext_noop("Start another worker for it, or see what those that are there are at."), "workers", "queue",
    ),
    Rule(
        "queue-stands", S.CRITICAL, "ragsite_queue_oldest_seconds", 3_600, 600, MINUTE, MINUTE,
        gettext_noop("Work in the queue %(subject)s has waited for more than an hour: %(minutes)s minutes."),
        gettext_noop("See whether its workers run, and their logs."), "workers", "queue",
    ),
    Rule(
        "events-refused", S.WARNING, "ragsite_outbox_failing", 0, 0, 15 * MINUTE, MINUTE,
        gettext_noop("Events can't be sent: %(value)s of them were refused."),
        gettext_noop("The page of events says why, and what mends it."), "events",
    ),
    Rule(
        "events-stand", S.CRITICAL, "ragsite_outbox_oldest_seconds", 3_600, 60, MINUTE, MINUTE,
        gettext_noop("No event was sent for %(minutes)s minutes."),
        gettext_noop("See whether the relay and the Kafka broker run."), "events",
    ),
    Rule(
        "job-fails", S.WARNING, "ragsite_scheduled_job_failing", 0.5, 0.5, 10 * MINUTE, MINUTE,
        gettext_noop("The job %(subject)s fails each time."), gettext_noop("See why on the page of jobs."),
        "jobs", "job",
    ),
)  # fmt: skip


def rules_with(*, queue_seconds: float) -> tuple[Rule, ...]:
    """The rules where work that has waited so long is an alert; it is over when nothing waits for a fifth of that."""
    return tuple(
        replace(rule, opens=queue_seconds, closes=queue_seconds / 5) if rule.name == "queue-waits" else rule
        for rule in RULES
    )


class Phase(Enum):
    CALM = auto()
    PENDING = auto()
    OPEN = auto()
    CALMING = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands for a subject, and since when."""

    phase: Phase
    since: datetime


def judged(rule: Rule, standing: Standing, value: float | None, now: datetime) -> Standing:
    """How the rule stands now; None is a value that nobody could read, which changes nothing."""
    if value is None:
        return standing
    stood = now - standing.since
    match standing.phase:
        case Phase.CALM if value > rule.opens:
            return Standing(Phase.PENDING if rule.after else Phase.OPEN, now)
        case Phase.PENDING if value <= rule.opens:
            return Standing(Phase.CALM, now)
        case Phase.PENDING if stood >= rule.after:
            return Standing(Phase.OPEN, now)
        case Phase.OPEN if value <= rule.closes:
            return Standing(Phase.CALMING, now)
        case Phase.CALMING if value > rule.closes:
            return Standing(Phase.OPEN, now)
        case Phase.CALMING if stood >= rule.calm:
            return Standing(Phase.CALM, now)
    return standing


def rule_named(name: str) -> Rule | None:
    """The rule of that name; None for one that an earlier release had."""
    return next((rule for rule in RULES if rule.name == name), None)
