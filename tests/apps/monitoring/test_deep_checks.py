from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.monitoring.deep import checks, trials
from apps.monitoring.deep.checks import CHECKS, DeepCheck, check_run, health_check
from apps.monitoring.deep.trials import Trial
from apps.monitoring.models import HealthCheck, HealthState
from apps.retrieval.models import Embedding
from ragsite.core.errors import ServiceUnavailableError
from ragsite.core.models import OutboxEvent
from ragsite.core.presence import presence_tell
from ragsite.core.transport import NO_KAFKA
from tests import factories as make
from tests import turns
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def named(name: str) -> DeepCheck:
    return next(one for one in CHECKS if one.name == name)


def found(name: str) -> dict[str, str]:
    """How the check's subjects are."""
    check_run(named(name))
    return dict(HealthCheck.objects.filter(name=name).values_list("subject", "state"))


def failing(text: str) -> None:
    raise ServiceUnavailableError(text)


def test_the_newest_document_is_found_by_its_own_words_and_if_it_is_not_the_check_says_so() -> None:
    assert found("known-query") == {"": "ok"}, "nothing is there to be found"
    base = make.knowledge_base()
    make.upload(base, "The harbour has 42 berths for guests.", filename="a.txt")
    make.run_stages()
    assert found("known-query") == {"": "ok"}
    Embedding.objects.all().delete()
    KnowledgeBase.objects.update(retrieval={"mode": "dense"})
    assert found("known-query") == {"": "failed"}
    row = HealthCheck.objects.get(name="known-query")
    assert "is not found by its own words" in row.text
    assert "harbour" not in row.text


def test_each_queue_has_its_row_until_somebody_listens() -> None:
    presence_tell(worker="parsing@here", jobs=["parse"])
    told = found("queue")
    assert (told["parsing"], told["embedding"]) == ("ok", "degraded")
    assert HealthCheck.objects.get(subject="embedding").text.startswith("No worker listens for the queue embedding.")


def test_each_model_in_use_is_asked_and_one_that_is_used_no_more_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    make.knowledge_base()
    first = found("model")
    assert set(first.values()) <= {"ok"}
    HealthCheck.objects.create(
        name="model", subject="generation: an old one", state="failed", text="x.", milliseconds=1
    )
    assert found("model") == first


def test_events_that_wait_for_long_and_a_full_disk_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    make.upload(make.knowledge_base(), "A text.", filename="a.txt")
    assert found("outbox") == {"": "ok"}
    OutboxEvent.objects.update(created_at=Now() - timedelta(minutes=12))
    assert found("outbox") == {"": "degraded"}
    assert "for 12 minutes" in HealthCheck.objects.get(name="outbox").text
    for free, state in ((0.5, "ok"), (0.09, "degraded"), (0.01, "failed")):
        monkeypatch.setattr(trials, "_free", lambda _, free=free: free)
        assert found("disk") == {"": state}


def test_events_that_go_nowhere_are_fine_and_told_of(settings: Any) -> None:
    make.upload(make.knowledge_base(), "A text.", filename="a.txt")
    OutboxEvent.objects.update(created_at=Now() - timedelta(minutes=12))
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    for name in ("kafka", "outbox"):
        assert found(name) == {"": "ok"}
        assert HealthCheck.objects.get(name=name).text == "None is configured, so events go nowhere."


def test_since_when_a_part_is_so_stays_until_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [timezone.now()]
    monkeypatch.setattr(checks.timezone, "now", lambda: now[0])
    answers: list[Any] = [None, "It is down.", "It is down still.", None]

    def one() -> Iterator[Trial]:
        answer = answers.pop(0)
        yield Trial("", lambda: failing(answer) if answer else None)

    check, seen = DeepCheck("cache", one, 60, "", "", ""), []
    for minute in range(4):
        now[0] += timedelta(minutes=1)
        check_run(check)
        row = HealthCheck.objects.get(name="cache")
        seen.append((row.state, row.text, (now[0] - row.since).total_seconds() / 60))
        assert row.checked_at == now[0], minute
    assert seen == [("ok", "", 0), ("failed", "It is down.", 0), ("failed", "It is down still.", 1), ("ok", "", 0)]


def test_the_job_runs_what_is_due_and_goes_on_later_where_it_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def check(name: str, every: float) -> DeepCheck:
        return DeepCheck(name, lambda: iter([Trial("", lambda: runs.append(name))]), every, "", "", "")

    monkeypatch.setattr(checks, "CHECKS", (check("often", 60), check("seldom", 300)))
    HealthCheck.objects.create(name="of an earlier release", state="ok", milliseconds=1)
    assert health_check(turns.short(0)) is True
    assert runs == []
    assert health_check(turns.long()) is False
    assert health_check(turns.long()) is False
    assert runs == ["often", "seldom"]
    HealthCheck.objects.update(checked_at=Now() - timedelta(seconds=90))
    health_check(turns.long())
    assert runs == ["often", "seldom", "often"]
    assert set(HealthCheck.objects.values_list("name", flat=True)) == {"often", "seldom"}


def test_drivers_words_are_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    def away() -> None:
        raise ConnectionRefusedError("10.0.0.7:9000 refused")

    told = checks.tried(Trial("", away))
    assert (told.state, told.text) == (HealthState.FAILED, "It could not be tried. See the worker's log.")
    assert "10.0.0.7" in caplog.text


def test_the_page_tells_what_was_found_with_what_mends_it_and_when_nobody_has_looked_for_long(
    client: Client, admin_client: Client
) -> None:
    page = admin_client.get("/admin/health/?part=checks").content.decode()
    assert "No worker has looked yet." in page
    for name, state, text in (
        ("disk", "ok", ""),
        ("second-blobs", "ok", trials.NO_SECOND_STORAGE),
        ("queue", "degraded", "No worker listens for the queue chunking. Start one, or see its log."),
    ):
        subject = "chunking" if name == "queue" else ""
        HealthCheck.objects.create(name=name, subject=subject, state=state, text=text, milliseconds=3)
    HealthCheck.objects.create(
        name="cache",
        state="ok",
        milliseconds=3,
        checked_at=Now() - timedelta(hours=1),
        since=Now() - timedelta(hours=1),
    )
    page = admin_client.get("/admin/health/?part=checks").content.decode()
    assert page.count("task_alt") == 1
    absent = 'aria-hidden="true">remove</span>None is configured, so files are in one place only.'
    assert page.count(f'<td class="rag-muted"><span class="material-symbols-outlined" {absent}') == 2
    assert "No worker listens for the queue chunking. Start one, or see its log." in page
    assert "Nobody has looked for long." in page


def test_a_deleted_document_is_not_asked_for() -> None:
    base = make.knowledge_base()
    version = make.ready_version(base, "The harbour has berths.", filename="a.txt")
    document_delete(document=version.document, actor=ACTOR)
    trials.known_query()
