"""What is told as a sample: changes of health, a minute's figures, searches, and errors that nobody foresaw; never a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import resolve

from apps.documents.models import StageRecord
from apps.monitoring.deep.checks import Found, found_keep
from apps.monitoring.events import PerformanceMetrics, ServiceHealth
from apps.monitoring.models import HealthState
from apps.monitoring.performance import performance_sample
from apps.retrieval.events import RetrievalCompleted
from ragsite.core import samples
from ragsite.core.error_events import ErrorOccurred
from ragsite.core.errors import NotFoundError, TransientError
from ragsite.core.events import Event
from ragsite.core.models import OutboxEvent
from ragsite.core.request_ids import in_request
from ragsite.core.samples import Sample
from ragsite.core.schedule import ScheduledRows
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.problems import server_error
from tests import factories as make
from tests import turns
from tests.events import assert_fits

pytestmark = pytest.mark.django_db


@dataclass
class Told:
    """Takes the place of what sends samples."""

    events: list[Any] = field(default_factory=list)

    def tell(self, sample: Sample) -> None:
        sample.line()
        assert_fits(sample.event.name, sample.event.payload())
        self.events.append(sample.event)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr(samples, "sample_sender", lambda _: made)
    return made


def of(told: Told, kind: type[Event]) -> list[Any]:
    return [one for one in told.events if isinstance(one, kind)]


def test_a_part_that_is_found_otherwise_is_told_of_and_one_that_is_as_it_was_is_not(told: Told) -> None:
    states = (HealthState.OK, HealthState.OK, HealthState.FAILED, HealthState.FAILED, HealthState.OK)
    for state in states:
        found_keep("cache", "", Found(state, "" if state == HealthState.OK else "Redis keeps nothing.", 1.0))
    changes = of(told, ServiceHealth)
    assert [(one.previous, one.state) for one in changes] == [(None, "ok"), ("ok", "failed"), ("failed", "ok")]
    assert (len({one.check_id for one in changes}), changes[1].text) == (1, "Redis keeps nothing.")


def test_once_a_minute_it_is_told_what_waits_and_what_was_done(told: Told) -> None:
    base = make.knowledge_base()
    make.upload(base, "The harbour has 42 berths.", filename="a.txt")
    make.run_stages()
    make.upload(base, "It waits.", filename="b.txt")
    performance_sample(turns.long())
    (minute,) = of(told, PerformanceMetrics)
    assert {one.queue: one.waiting for one in minute.queues}["parsing"] == 1
    done = {one.stage: (one.done, one.failed) for one in minute.stages}
    assert done == {one.stage: (1, 0) for one in StageRecord.objects.exclude(finished_at=None)}


def test_a_search_is_told_of_without_a_row_and_without_its_words(
    told: Told, client: Client, django_assert_max_num_queries: Any
) -> None:
    base = make.knowledge_base()
    make.upload(base, "A berth costs 31 euros.", filename="a.txt")
    make.run_stages()
    before = OutboxEvent.objects.count()
    key = make.api_key(base.tenant)
    asked = client.post(
        "/api/v1/search", {"query": "What does a berth cost?"}, content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    assert asked.status_code == 200, asked.content
    (search,) = of(told, RetrievalCompleted)
    assert (search.tenant_id, search.passages, search.for_answer) == (base.tenant_id, 1, False)
    assert search.milliseconds["embed"] >= 0
    assert OutboxEvent.objects.count() == before
    assert "berth" not in str(search)


def test_an_error_that_nobody_foresaw_is_told_with_its_place_and_request_and_not_its_words(told: Told) -> None:
    request = RequestFactory().get("/readyz")
    request.resolver_match = resolve("/readyz")
    with in_request("r-18"):
        try:
            raise ZeroDivisionError("the secret of document 17")
        except ZeroDivisionError:
            answer = server_error(request)
        try:
            raise NotFoundError("It is not there.")
        except NotFoundError:
            server_error(request)
    assert answer.status_code == 500
    (error,) = of(told, ErrorOccurred)
    assert (error.place, error.kind, error.request_id) == ("GET /readyz", "ZeroDivisionError", "r-18")
    assert "secret" not in str(error)


def test_a_job_that_fails_unforeseen_is_told_of_and_one_that_says_why_is_not(told: Told) -> None:
    def fails(_claim: Any, _turn: Turn) -> None:
        raise ZeroDivisionError("the secret of document 17")

    def refuses(_claim: Any, _turn: Turn) -> None:
        raise TransientError("Not now.")

    rows_work(ScheduledRows("sweep"), refuses, turn=turns.long())
    assert told.events == []
    with pytest.raises(ZeroDivisionError):
        rows_work(ScheduledRows("presence-purge"), fails, turn=turns.long())
    (error,) = of(told, ErrorOccurred)
    assert (error.code, error.kind, error.request_id) == ("unexpected_error", "ZeroDivisionError", "")
    assert "secret" not in str(error)
