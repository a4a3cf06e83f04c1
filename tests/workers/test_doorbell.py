from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import transaction
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import DocumentVersion
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import EvaluationRun
from apps.retrieval.models.modes import Searching
from ragsite.core.jobs import ring
from ragsite.core.presence import presence_tell
from ragsite.core.work import Turn
from ragsite.stack import ports
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.reindexing.rebuilding import started
from tests.waiting import wait_for
from workers import doorbell as doorbells
from workers.celery import Config, app
from workers.doorbell import ENOUGH_RINGS, BackgroundDoorbell, CeleryDoorbell, messages_in
from workers.jobs import job_named
from workers.queues import Queue
from workers.sweep import sweep

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _empty_queues() -> Iterator[None]:
    def purge() -> None:
        with app.connection_for_write() as connection, connection.channel() as channel:
            for queue in Queue:
                channel.queue_purge(queue.value)

    purge()
    doorbells._gaps.clear()
    yield
    purge()


@pytest.fixture
def doorbell(settings: Any) -> None:
    settings.RAGSITE_DOORBELL = "workers.doorbell.CeleryDoorbell"


def waiting(queue: Queue) -> int:
    with app.connection_for_write() as connection:
        return messages_in(queue, connection)


@pytest.mark.usefixtures("doorbell")
def test_a_ring_is_a_message_on_the_stages_queue_alone() -> None:
    ring("parse")
    assert {queue.value: waiting(queue) for queue in Queue if waiting(queue)} == {"parsing": 1}


@pytest.mark.usefixtures("doorbell")
def test_a_ring_of_a_transaction_that_rolls_back_is_not_heard() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ring("parse")
        1 / 0  # noqa: B018
    assert waiting(Queue.PARSING) == 0


def test_rings_do_not_pile_up_for_a_worker_takes_claim_after_claim() -> None:
    for _ in range(3):
        CeleryDoorbell().ring_now("parse", times=ENOUGH_RINGS - 1)
    CeleryDoorbell().ring_now("chunk", times=3 * ENOUGH_RINGS)
    assert waiting(Queue.PARSING) == waiting(Queue.CHUNKING) == ENOUGH_RINGS


def test_rings_that_follow_each_other_closely_become_two_and_the_last_is_heard() -> None:
    for _ in range(50):
        CeleryDoorbell().ring("parse")
    CeleryDoorbell().ring("chunk")
    assert (waiting(Queue.PARSING), waiting(Queue.CHUNKING)) == (1, 1)
    wait_for(lambda: waiting(Queue.PARSING) == 2, seconds=5, what="the ring at the end of the gap")


def test_in_a_process_in_which_people_wait_a_ring_waits_for_nobody_and_many_are_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thaws, rung = threading.Event(), []

    def frozen(self: CeleryDoorbell, job: str) -> None:
        assert thaws.wait(30)
        rung.append(job)

    monkeypatch.setattr(CeleryDoorbell, "ring", frozen)
    for _ in range(20):
        BackgroundDoorbell().ring("parse")
        BackgroundDoorbell().ring("chunk")
    assert rung == []
    thaws.set()
    wait_for(lambda: "chunk" in rung, seconds=10, what="both were rung for")
    # The first was already being rung when more of them were asked for.
    assert sorted(set(rung)) == ["chunk", "parse"]
    assert len(rung) <= 3


def test_a_message_is_the_jobs_task_with_its_time_limits_and_nothing_else() -> None:
    CeleryDoorbell().ring("parse")
    with app.connection_for_write() as connection:
        message = connection.SimpleQueue("parsing").get(block=False)
    parse = job_named("parse")
    assert (message.headers["task"], message.payload[:2]) == ("ragsite.parse", [[], {}])
    assert message.headers["timelimit"] == [parse.hard, parse.soft]
    assert message.headers["expires"]
    message.ack()


@pytest.mark.usefixtures("doorbell")
def test_an_upload_is_accepted_although_redis_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Celery("nowhere", broker=f"redis://127.0.0.1:{ports.find_free()}/0", set_as_current=False)
    nowhere.conf.update(task_publish_retry_policy=Config.task_publish_retry_policy, broker_connection_timeout=1)
    monkeypatch.setattr("workers.doorbell.app", nowhere)
    version = make.upload(make.knowledge_base()).version
    assert DocumentVersion.objects.get(pk=version.pk).status == "uploaded"
    assert "the sweep will ring again" in caplog.text


def test_the_sweep_rings_for_the_versions_that_wait_and_its_rings_do_not_pile_up() -> None:
    base = make.knowledge_base()
    claims = job_named("parse").claims
    for _ in range(2 * claims + 1):
        make.upload(base)
    assert waiting(Queue.PARSING) == 0
    sweep(Turn.of(1.0))
    assert waiting(Queue.PARSING) == 3, "one for as many versions as a claim takes"
    for _ in range(ENOUGH_RINGS):
        sweep(Turn.of(1.0))
    assert waiting(Queue.PARSING) == ENOUGH_RINGS


def test_where_somebody_is_at_it_the_sweep_rings_once_for_each_worker() -> None:
    base, parse = make.knowledge_base(), job_named("parse")
    for _ in range(3 * parse.claims):
        make.upload(base)
    claim = make.step_claimed(parse).claim
    sweep(Turn.of(1.0))
    assert waiting(Queue.PARSING) == 1, "also where no worker was heard of"
    for worker in ("one", "two", "three"):
        presence_tell(worker=worker, jobs=["parse"])
    sweep(Turn.of(1.0))
    assert waiting(Queue.PARSING) == 1 + 2, "two claims are left, for three workers"
    DocumentVersion.objects.filter(pk__in=claim.ids).update(lease_until=Now() - timedelta(seconds=1))
    sweep(Turn.of(1.0))
    assert waiting(Queue.PARSING) == 1 + 2 + 3, "nobody is at it any more"


def test_the_sweep_rings_for_nothing_when_nothing_waits() -> None:
    sweep(Turn.of(1.0))
    assert sum(waiting(queue) for queue in Queue) == 0


def _run_asked_for() -> EvaluationRun:
    version = make.upload(make.knowledge_base()).version
    made = evaluation_set_create(knowledge_base=version.document.knowledge_base, name="Set", actor=ACTOR)
    question_add(
        evaluation_set=made, text="When?", relevant=[NewJudgement(document_id=version.document_id)], actor=ACTOR
    )
    return evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)


@pytest.mark.usefixtures("doorbell")
def test_an_evaluation_rings_where_models_answer_and_the_sweep_makes_a_lost_ring_good() -> None:
    run = _run_asked_for()
    assert waiting(Queue.RETRIEVAL) == 1
    for _ in range(2 * ENOUGH_RINGS):
        sweep(Turn.of(1.0))
    assert waiting(Queue.RETRIEVAL) == ENOUGH_RINGS, "its rings do not pile up"
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(Queue.RETRIEVAL.value)
    sweep(Turn.of(1.0))
    assert waiting(Queue.RETRIEVAL) == 1
    run.delete()


@pytest.mark.usefixtures("doorbell")
def test_a_re_index_rings_where_documents_are_embedded_and_the_sweep_makes_a_lost_ring_good() -> None:
    base = make.knowledge_base()
    make.ready_version(base)
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(Queue.EMBEDDING.value)
        started(base, chunking=ChunkingSettings(size=64, overlap=0))
        assert waiting(Queue.EMBEDDING) == 1
        channel.queue_purge(Queue.EMBEDDING.value)
    sweep(Turn.of(1.0))
    assert waiting(Queue.EMBEDDING) == 1
