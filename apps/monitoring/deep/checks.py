"""The deep checks, as one table, and the job that runs them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext_noop

from apps.monitoring import health
from apps.monitoring.deep import trials
from apps.monitoring.deep.trials import Trial, one
from apps.monitoring.events import ServiceHealth
from apps.monitoring.models import HealthCheck, HealthState
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError, ServiceUnavailableError
from ragsite.core.samples import sample_tell
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)

NOT_TRIED = "It could not be tried. See the worker's log."

OFTEN, SELDOM = 60.0, 300.0
"""Seconds between two runs of a check; what costs a model's time runs seldom."""


@dataclass(frozen=True, slots=True)
class DeepCheck:
    """What is tried, how often, and what it is called and for in people's words."""

    name: str
    trials: Callable[[], Iterator[Trial]]
    every: float
    icon: str
    title: str
    purpose: str


def quick(part: str, *, worst: HealthState = HealthState.FAILED) -> Callable[[], Iterator[Trial]]:
    """A part as `/readyz` tries it, from where workers are."""

    def run() -> str:
        said = health.outcome(part)
        if said not in health.FINE:
            raise ServiceUnavailableError(said)
        return trials.NO_EVENTS if said == health.NOT_CONFIGURED else ""

    return one(run, worst=worst)


DEGRADED = HealthState.DEGRADED

CHECKS: tuple[DeepCheck, ...] = (
    DeepCheck(
        "database", quick("database"), OFTEN, "database", gettext_noop("Database"),
        gettext_noop("Holds everything. Nothing works without it."),
    ),
    DeepCheck(
        "known-query", one(trials.known_query), SELDOM, "search", gettext_noop("Search"),
        gettext_noop("Finds the newest document by its own words."),
    ),
    DeepCheck(
        "broker", quick("redis"), OFTEN, "bolt", gettext_noop("Redis"),
        gettext_noop("Wakes workers and keeps answers to give again."),
    ),
    DeepCheck(
        "cache", one(trials.cache, worst=DEGRADED), OFTEN, "cached", gettext_noop("What Redis keeps"),
        gettext_noop("Gives back what it was given."),
    ),
    DeepCheck(
        "kafka", quick("kafka", worst=DEGRADED), OFTEN, "outbox", gettext_noop("Event broker"),
        gettext_noop("Takes events to other systems."),
    ),
    DeepCheck(
        "reports", one(trials.reports, worst=DEGRADED), OFTEN, "bar_chart", gettext_noop("ClickHouse"),
        gettext_noop("Keeps what reports are made of, where one is set up."),
    ),
    DeepCheck(
        "vectors", one(trials.vector_store, worst=DEGRADED), OFTEN, "hub", gettext_noop("Vector store"),
        gettext_noop("Searches vectors beside PostgreSQL, where one is set up."),
    ),
    DeepCheck(
        "blobs", quick("blobs"), OFTEN, "hard_drive", gettext_noop("File storage"),
        gettext_noop("Keeps the files that were uploaded."),
    ),
    DeepCheck(
        "second-blobs", one(trials.second_storage, worst=DEGRADED), OFTEN, "hard_drive", gettext_noop("Second file storage"),
        gettext_noop("Has a copy of each file that was uploaded, for when the first does not answer."),
    ),
    DeepCheck(
        "model", trials.models, SELDOM, "neurology", gettext_noop("Models"),
        gettext_noop("Each that is in use is asked for as little as it can do."),
    ),
    DeepCheck(
        "queue", trials.queues, OFTEN, "engineering", gettext_noop("Workers"),
        gettext_noop("Somebody listens for each queue."),
    ),
    DeepCheck(
        "outbox", one(trials.outbox, worst=DEGRADED), OFTEN, "schedule_send", gettext_noop("Events that wait"),
        gettext_noop("Events are sent soon after what they tell of."),
    ),
    DeepCheck(
        "disk", trials.disk, OFTEN, "storage", gettext_noop("Disk"),
        gettext_noop("Has room for files of its own."),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What a trial came to."""

    state: HealthState
    text: str
    milliseconds: float


def health_check(turn: Turn) -> bool:
    """Run the checks that are due; whether some are left, as the turn is over."""
    last = _last_runs()
    for check in CHECKS:
        if turn.is_over():
            return True
        if check.name not in last or timezone.now() - last[check.name] >= timedelta(seconds=check.every):
            check_run(check)
    _forget({check.name for check in CHECKS})
    return False


def check_run(check: DeepCheck) -> None:
    """Try all that the check tries, and keep what came of it."""
    seen = []
    for trial in check.trials():
        connection_release()
        seen.append(trial.subject)
        found_keep(check.name, trial.subject, tried(trial))
    HealthCheck.objects.filter(name=check.name).exclude(subject__in=seen).delete()


def tried(trial: Trial) -> Found:
    """What the trial comes to; words of drivers go to the log, as they name hosts and users."""
    begun = time.perf_counter()
    state, text = HealthState.OK, ""
    try:
        text = trial.run() or ""
    except RagError as error:
        state, text = trial.worst, error.sentence
        logger.warning("a check failed: %s", text)
    except (DatabaseError, OSError) as error:
        state, text = trial.worst, NOT_TRIED
        logger.warning("a check failed: %s: %s", type(error).__name__, error)
    return Found(state, text, 1000 * (time.perf_counter() - begun))


def found_keep(name: str, subject: str, found: Found) -> None:
    """Keep how a part was found, and since when it is so. Only the one job that runs the checks writes here."""
    row = HealthCheck.objects.filter(name=name, subject=subject).first() or HealthCheck(name=name, subject=subject)
    now = timezone.now()
    if row.pk is None or row.state != found.state:
        row.since = now
        _tell(row, found)
    row.state, row.text, row.milliseconds, row.checked_at = found.state, found.text, found.milliseconds, now
    row.save()


def _tell(row: HealthCheck, found: Found) -> None:
    """Tell others that a part is otherwise than it was; `row` says how that was."""
    check_id = uuid5(NAMESPACE_URL, f"urn:ragsite:check:{row.name}:{row.subject}")
    changed = ServiceHealth(
        check_id=check_id, check=row.name, subject=row.subject, state=found.state.value, previous=row.state or None,
        text=found.text,
    )  # fmt: skip
    sample_tell(changed, actor=Actor.of_job("health-check"))


def _last_runs() -> Mapping[str, datetime]:
    """When each check ran last, by its name: of several subjects the one that was tried first."""
    found: dict[str, datetime] = {}
    for name, checked_at in HealthCheck.objects.values_list("name", "checked_at"):
        found[name] = min(found.get(name, checked_at), checked_at)
    return found


def _forget(known: set[str]) -> None:
    """Of checks that an earlier release had."""
    HealthCheck.objects.exclude(name__in=known).delete()
