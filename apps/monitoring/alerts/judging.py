"""Rules are held against the installation every half minute: alerts open and close, and who is to be told is noted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.monitoring.alerts.observing import Observed, observed
from apps.monitoring.alerts.rows import DELIVER
from apps.monitoring.alerts.rules import Phase, Rule, Standing, judged, rules_with
from apps.monitoring.metrics import database_read
from apps.monitoring.models import Alert, AlertDelivery, AlertState, Channel, HealthCheck, Occasion
from ragsite.core.bites import bites, rows_bite
from ragsite.core.configuration import AlertSettings
from ragsite.core.jobs import ring
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)

KEPT = timedelta(days=90)
"""How long an alert is kept after it was closed."""

READ_MILLISECONDS = 60_000
"""Nobody waits for this, and counting a long backlog takes its time: then of all times alerts are wanted."""

PHASES = {
    AlertState.PENDING: Phase.PENDING,
    AlertState.OPEN: Phase.OPEN,
    AlertState.CALMING: Phase.CALMING,
}
STATES = {phase: state for state, phase in PHASES.items()}


def alerts_judge(_turn: Turn) -> bool:
    """Hold each rule against what is seen now; nothing is left for later.

    Raises:
        Error: the database does not answer; all alerts stay as they are.
    """
    alerts_follow(
        observed(database_read(milliseconds=READ_MILLISECONDS), HealthCheck.objects.all()), now=timezone.now()
    )
    return False


def alerts_follow(seen: Observed, *, now: datetime) -> None:
    """Let each alert become what its rule says of the values that were seen. One whose rule is no more is closed."""
    living = {(row.rule, row.subject): row for row in Alert.objects.exclude(state=AlertState.CLOSED)}
    for rule, subject in _judged_now(seen, living):
        values = seen.get(rule.metric)
        value = None if values is None else values.get(subject, 0.0)
        _follow(rule, subject, living.pop((rule.name, subject), None), value, now)
    for row in living.values():
        if row.is_open:
            _close(row, now)
        else:
            row.delete()


def _judged_now(seen: Observed, living: dict[tuple[str, str], Alert]) -> Iterator[tuple[Rule, str]]:
    for rule in rules_with(queue_seconds=AlertSettings.current().queue_seconds):
        known = {subject for name, subject in living if name == rule.name}
        for subject in sorted(known.union(seen.get(rule.metric, ()))):
            yield rule, subject


def _follow(rule: Rule, subject: str, row: Alert | None, value: float | None, now: datetime) -> None:
    before = Standing(PHASES[AlertState(row.state)], row.since) if row else Standing(Phase.CALM, now)
    after = judged(rule, before, value, now)
    row = row or Alert(rule=rule.name, subject=subject, severity=rule.severity)
    if value is not None and after.phase in (Phase.PENDING, Phase.OPEN):
        row.value = value
    match before.phase, after.phase:
        case (was, now_is) if was is now_is:
            if was is Phase.OPEN and value is not None:
                row.save(update_fields=["value"])
        case (Phase.CALMING, Phase.CALM):
            _close(row, now)
        case (_, Phase.CALM):
            row.delete()
        case (Phase.CALM | Phase.PENDING, Phase.OPEN):
            _open(row, now)
        case _:
            row.state, row.since = STATES[after.phase], after.since
            _keep(row, "state", "since", "value")


def _open(row: Alert, now: datetime) -> None:
    with transaction.atomic():
        row.state, row.since, row.opened_at = AlertState.OPEN, now, now
        _keep(row, "state", "since", "value", "opened_at")
        _tell(row, Occasion.OPENED)
    logger.warning("an alert opened: %s (%s)", row, row.severity)


def _close(row: Alert, now: datetime) -> None:
    with transaction.atomic():
        row.state, row.since, row.closed_at = AlertState.CLOSED, now, now
        _keep(row, "state", "since", "closed_at")
        _tell(row, Occasion.CLOSED)
    logger.info("an alert closed: %s", row)


def _keep(row: Alert, *columns: str) -> None:
    """No other column: somebody may say meanwhile that they see to it."""
    row.save(update_fields=None if row._state.adding else columns)


def _tell(row: Alert, occasion: Occasion) -> None:
    """Have it told by every channel that the settings name."""
    told = AlertSettings.current()
    channels = [Channel.WEBHOOK] if told.webhook_url else []
    channels += [Channel.MAIL] if told.emails else []
    if channels:
        AlertDelivery.objects.bulk_create(
            AlertDelivery(alert=row, occasion=occasion, channel=channel) for channel in channels
        )
        ring(DELIVER)


def alerts_purge(turn: Turn) -> bool:
    """Remove alerts that were closed long ago, after their messages; whether some are left."""
    long_ago = Now() - KEPT
    old = Alert.objects.filter(state=AlertState.CLOSED, closed_at__lt=long_ago).order_by("closed_at", "id")
    messages = AlertDelivery.objects.filter(alert__state=AlertState.CLOSED, alert__closed_at__lt=long_ago).order_by(
        "id"
    )
    return bites(turn, lambda: rows_bite(messages)) or bites(turn, lambda: rows_bite(old))
