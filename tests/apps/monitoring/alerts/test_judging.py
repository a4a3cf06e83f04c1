from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.monitoring.alerts.judging import alerts_follow, alerts_judge, alerts_purge
from apps.monitoring.alerts.observing import observed
from apps.monitoring.alerts.rules import HEALTH_DEGRADED, HEALTH_FAILED, RULES
from apps.monitoring.models import Alert, AlertDelivery, AlertState, HealthCheck
from ragsite.core.metrics.readings import Reading
from tests import factories as make
from tests import turns

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
QUEUE = "ragsite_queue_oldest_seconds"


def at(minutes: float, **seen: float | None) -> dict[str, tuple[str, str]]:
    """What stands of each alert once `embedding=seconds` were seen at that minute; None for a metric that is not read."""
    values = {name: value for name, value in seen.items() if value is not None}
    unread = None in seen.values()
    alerts_follow({} if unread else {QUEUE: values}, now=BEGIN + timedelta(minutes=minutes))
    return {f"{one.rule} {one.subject}": (one.state, one.severity) for one in Alert.objects.all()}


def test_an_alert_opens_once_what_is_wrong_lasts_and_closes_once_that_is_over(settings: Any) -> None:
    settings.RAGSITE_ALERT_WEBHOOK_URL, settings.RAGSITE_ALERT_EMAILS = (
        "https://alerts.example.org",
        ("ops@example.org",),
    )
    waits = "queue-waits embedding"
    assert at(0, embedding=900) == {waits: ("pending", "warning")}
    assert at(0.5, embedding=100) == {}, "it was nothing"
    assert at(1, embedding=900) == {waits: ("pending", "warning")}
    assert not AlertDelivery.objects.exists()
    assert at(2, embedding=960) == {waits: ("open", "warning")}
    assert set(AlertDelivery.objects.values_list("occasion", "channel")) == {("opened", "webhook"), ("opened", "mail")}
    assert at(3, embedding=1020)[waits][0] == "open"
    assert Alert.objects.get().value == 1020
    assert at(4, embedding=300)[waits][0] == "open", "between the limits"
    assert at(5, embedding=0)[waits][0] == "calming"
    assert at(5.5, embedding=900)[waits][0] == "open"
    assert at(6, embedding=0)[waits][0] == "calming"
    assert at(7, embedding=0)[waits][0] == "closed"
    row = Alert.objects.get()
    assert row.value == 900, "as it was while it was open"
    assert (row.opened_at, row.closed_at) == (BEGIN + timedelta(minutes=2), BEGIN + timedelta(minutes=7))
    assert AlertDelivery.objects.filter(occasion="closed").count() == 2
    assert at(8, embedding=900)[waits] in {("pending", "warning"), ("closed", "warning")}
    assert Alert.objects.count() == 2, "the next time it is another one"


def test_while_a_metric_cannot_be_read_alerts_stay_as_they_are_and_what_is_no_more_is_calm() -> None:
    at(0, embedding=900)
    at(2, embedding=900)
    assert at(30, embedding=None) == {"queue-waits embedding": ("open", "warning")}
    assert at(31, parsing=0)["queue-waits embedding"][0] == "calming"
    assert at(33, parsing=0)["queue-waits embedding"][0] == "closed"


def test_an_alert_whose_rule_an_earlier_release_had_is_closed() -> None:
    common: dict[str, Any] = {"severity": "warning", "value": 1, "since": BEGIN}
    Alert.objects.create(rule="gone", state="open", opened_at=BEGIN, **common)
    Alert.objects.create(rule="gone", subject="pending", **common)
    alerts_follow({}, now=BEGIN + timedelta(minutes=1))
    assert list(Alert.objects.values_list("rule", "subject", "state")) == [("gone", "", "closed")]


def test_nobody_is_told_where_the_settings_name_nobody() -> None:
    at(0, embedding=900)
    at(2, embedding=900)
    assert not AlertDelivery.objects.exists()


def test_what_is_seen_is_the_worst_of_each_subject_and_what_deep_checks_found() -> None:
    readings = [
        Reading(QUEUE, 5, ("maintenance", "sweep")), Reading(QUEUE, 70, ("maintenance", "delete")),
        Reading("ragsite_outbox_failing", 3), Reading("ragsite_queue_waiting", 9, ("maintenance", "delete")),
    ]  # fmt: skip
    health = [
        HealthCheck(name="disk", state="failed"), HealthCheck(name="queue", subject="parsing", state="degraded"),
        HealthCheck(name="cache", state="ok"),
    ]  # fmt: skip
    assert observed(readings, health) == {
        QUEUE: {"maintenance": 70}, "ragsite_outbox_failing": {"": 3},
        HEALTH_FAILED: {"disk": 1, "queue: parsing": 0, "cache": 0},
        HEALTH_DEGRADED: {"disk": 0, "queue: parsing": 1, "cache": 0},
    }  # fmt: skip


def test_the_job_holds_every_rule_against_the_installation_as_it_is() -> None:
    version = make.upload(make.knowledge_base(), "A text.", filename="a.txt").version
    type(version).objects.update(not_before=Now() - timedelta(hours=2))
    HealthCheck.objects.create(name="disk", state="failed", text="Of the disk 1 % are free.", milliseconds=1)
    assert alerts_judge(turns.long()) is False
    found = {(one.rule, one.subject, one.state) for one in Alert.objects.all()}
    assert found == {
        ("queue-waits", "parsing", "pending"), ("queue-stands", "parsing", "pending"), ("part-fails", "disk", "pending"),
    }  # fmt: skip
    assert {rule.name for rule in RULES} >= {name for name, _, _ in found}


def test_alerts_that_were_over_long_ago_are_removed_with_their_messages() -> None:
    common: dict[str, Any] = {"rule": "any", "severity": "warning", "value": 1, "since": BEGIN, "opened_at": BEGIN}
    old = Alert.objects.create(state=AlertState.CLOSED, closed_at=BEGIN, **common)
    AlertDelivery.objects.create(alert=old, occasion="opened", channel="mail")
    kept = Alert.objects.create(state=AlertState.CLOSED, closed_at=Now(), subject="kept", **common)
    Alert.objects.create(state=AlertState.OPEN, **common)
    assert alerts_purge(turns.long()) is False
    assert set(Alert.objects.values_list("subject", "state")) == {("kept", "closed"), ("", "open")}
    assert kept in Alert.objects.all()
    assert not AlertDelivery.objects.exists()
