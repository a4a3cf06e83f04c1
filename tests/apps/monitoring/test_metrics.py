from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from apps.monitoring import metrics
from apps.monitoring.metrics import database_read
from ragsite.core.models import OutboxEvent, ScheduledJob
from ragsite.core.presence import presence_tell
from tests import factories as make

pytestmark = pytest.mark.django_db


def read() -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels): one.value for one in database_read()}


def test_queues_workers_jobs_of_the_clock_and_the_outbox_are_told_as_they_are(django_assert_num_queries: Any) -> None:
    base = make.knowledge_base()
    waits = make.upload(base, "The harbour has berths.", filename="a.txt").version
    held = make.upload(base, "The light is white.", filename="b.txt").version
    versions = type(waits).objects
    versions.filter(pk=waits.pk).update(not_before=Now() - timedelta(minutes=5))
    versions.filter(pk=held.pk).update(lease_owner="here:1:2", lease_until=Now() + timedelta(minutes=1))
    presence_tell(worker="parsing@here", jobs=["parse"])
    presence_tell(worker="parsing@there", jobs=["parse", "draw"])
    ScheduledJob.objects.create(name="sweep", finished_at=Now() - timedelta(seconds=90))
    ScheduledJob.objects.create(name="a job of an earlier release", finished_at=Now() - timedelta(days=90))
    OutboxEvent.objects.all().update(created_at=Now() - timedelta(seconds=60))
    OutboxEvent.objects.filter(pk=OutboxEvent.objects.latest("pk").pk).update(attempts=2)
    # The savepoint's two, the time limit, and one each of queues, what runs, workers, jobs, the outbox, vector stores, checks
    # and alerts.
    with django_assert_num_queries(11):
        told = read()
    assert told["ragsite_queue_waiting", "parsing", "parse"] == 1
    assert 300 <= told["ragsite_queue_oldest_seconds", "parsing", "parse"] < 400
    assert told["ragsite_queue_running", "parsing", "parse"] == 1
    assert (
        told["ragsite_queue_waiting", "chunking", "chunk"]
        == told["ragsite_queue_oldest_seconds", "chunking", "chunk"]
        == 0
    )
    assert (told["ragsite_queue_workers", "parsing"], told["ragsite_queue_workers", "embedding"]) == (2, 0)
    assert 90 <= told["ragsite_scheduled_job_age_seconds", "sweep"] < 190
    assert not [one for one in told if "a job of an earlier release" in one]
    assert told["ragsite_outbox_waiting",] == OutboxEvent.objects.count() > told["ragsite_outbox_failing",] == 1
    assert 60 <= told["ragsite_outbox_oldest_seconds",] < 160


def test_a_scrape_is_one_well_formed_page_of_them_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics.DATABASE, "_read_at", None)
    answer = client.get("/metrics")
    assert answer["Cache-Control"] == "no-store"
    families = list(text_string_to_metric_families(answer.content.decode()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    ok = {
        sample.labels["source"]: sample.value
        for one in families
        for sample in one.samples
        if sample.name == "ragsite_reading_ok"
    }
    assert ok == {"database": 1, "breakers": 1}


def test_a_database_that_takes_long_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        return []

    monkeypatch.setattr(metrics, "STATEMENT_MILLISECONDS", 50)
    monkeypatch.setattr(metrics, "_scheduled", slow)
    monkeypatch.setattr(metrics.DATABASE, "_read_at", None)
    text = client.get("/metrics").content.decode()
    assert 'ragsite_reading_ok{source="database"} 0.0' in text
    assert "ragsite_queue_waiting{" not in text
    monkeypatch.setattr(metrics.DATABASE, "_read_at", None)
