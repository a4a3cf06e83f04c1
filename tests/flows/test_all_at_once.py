"""Everything that changes rows, at the same moment, on the same few rows: nothing waits in a circle, and all is in order then."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.test import Client
from psycopg import IntegrityError as IntegrityViolation
from psycopg.errors import LockNotAvailable

from apps.documents.models import (
    VERSION_ENDED,
    Document,
    DocumentVersion,
    Grant,
    KnowledgeBase,
    KnowledgeBaseDeletion,
    StageRecord,
)
from apps.retrieval.index import parts
from apps.retrieval.index.embeddings import ready_versions_lacking
from apps.retrieval.index.generations import generation_live
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import lexical_lacks
from apps.retrieval.models import EvaluationRun, IndexGeneration, Reindex
from ragsite.core.errors import RagError
from ragsite.core.models import OutboxEvent, ScheduledJob
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import asked, library, started
from tests.flows.moves import MOVES, Player, chosen
from tests.locks import watched
from workers.jobs import JOBS
from workers.running import job_run

pytestmark = pytest.mark.django_db(transaction=True)

SEED, THREADS, STEPS = 37, 6, 60
MOST_ROUNDS = 20
EXPECTED = (IntegrityViolation, LockNotAvailable)
"""What the code asks the database for by trying: whether something is there already, and a partition that nobody reads."""
LEASED: tuple[type[Any], ...] = (DocumentVersion, Reindex, EvaluationRun, KnowledgeBaseDeletion)


@dataclass
class Told:
    """What threads came across. `done` and `refused` count moves by their names."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def play(number: int, shared: dict[str, Any], told: Told) -> None:
    """One thread's moves. A refusal in words is an answer; an error of the database is none, even if a job keeps it to itself."""
    player = Player(random.Random(f"{SEED} {number}"), **shared)

    def listen(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except DatabaseError as error:
            if not isinstance(error.__cause__, EXPECTED):
                told.faults.append(f"{name}: {error!r}")
            raise

    with watched() as watch, connection.execute_wrapper(listen):
        for _ in range(STEPS):
            name = chosen(player)
            try:
                MOVES[name](player)
                told.done[name] += 1
            except RagError:
                told.refused[name] += 1
            except Exception as error:  # noqa: BLE001 - told with all others
                told.faults.append(f"{name}: {error!r}")
    told.faults += watch.faults


def settle() -> None:
    """Let the workers do all that is left, whatever it waits for."""
    for _ in range(MOST_ROUNDS):
        for rows in LEASED:
            rows.objects.update(not_before=Now())
        worked = [job_run(job) for job in JOBS if job.rows is not None for _ in iter(partial(job_run, job), False)]
        for job in JOBS:
            if job.rows is not None:
                job.rows.give_up()
            elif job.name != "sweep":
                job_run(job)
        if not worked:
            break


def test_whatever_happens_at_once_nothing_waits_in_a_circle_and_all_is_in_order_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In indexes that are divided, too, whose parts go as soon as they are empty."""
    monkeypatch.setattr(parts, "SETTLED", timedelta(0))
    base = library(parts="type")
    started(asked(base, "harbour", "tides"))
    for document in Document.objects.all():
        make.upload(base, f"{document.title} later.", document=document)
    make.run_stages()
    others = [make.knowledge_base(of=base.tenant, parts=by) for by in ("none", "month")]
    for other in others:
        make.upload(other)
    keys = tuple(make.keyed(base.tenant)[0] for _ in range(2))
    shared = {"lasting": base, "bases": (base, *others), "keys": keys}
    told = Told()
    with ThreadPoolExecutor(THREADS) as pool:
        playing = [
            pool.submit(make.closing(lambda number=number: play(number, shared, told))) for number in range(THREADS)
        ]
        for one in playing:
            one.result(200)
    assert not told.faults, "\n".join(told.faults)
    settle()
    _assert_versions_are_in_order()
    _assert_indexes_are_whole()
    _assert_nobody_holds_anything()
    _assert_each_change_was_told()


def _assert_versions_are_in_order() -> None:
    assert set(DocumentVersion.objects.values_list("status", flat=True)) <= VERSION_ENDED
    answering = Document.objects.exclude(current_version=None)
    assert answering
    assert not answering.exclude(current_version__document=F("pk"))
    assert not answering.exclude(current_version__status="ready")
    assert not StageRecord.objects.filter(finished_at=None)
    assert (
        not DocumentVersion.objects.filter(status="ready", document__deleted_at=None)
        .annotate(n=Count("chunks"))
        .filter(n=0)
    )


def _assert_indexes_are_whole() -> None:
    for base in KnowledgeBase.objects.filter(deleted_at=None):
        live = generation_live(base)
        assert live is not None
        assert ready_versions_lacking(live, limit=10) == []
        assert not lexical_lacks(LexicalIndex(base.pk, live.chunking_key))
    assert not IndexGeneration.objects.filter(state="dropped")


def _assert_nobody_holds_anything() -> None:
    for rows in (*LEASED, ScheduledJob):
        assert not rows.objects.exclude(lease_owner="")


def _assert_each_change_was_told() -> None:
    told = Counter(OutboxEvent.objects.values_list("type", flat=True))
    assert told["grant.created"] - told["grant.deleted"] >= Grant.objects.count()
    created = set(OutboxEvent.objects.filter(type="document.created").values_list("key", flat=True))
    deleted = list(OutboxEvent.objects.filter(type="document.deleted").values_list("key", flat=True))
    living = {str(pk) for pk in Document.objects.filter(deleted_at=None).values_list("pk", flat=True)}
    assert living == created - set(deleted)
    assert len(deleted) == len(set(deleted))
    answering = (
        Document.objects.filter(deleted_at=None).exclude(current_version=None).values_list("current_version", flat=True)
    )
    # One that was overtaken before it answered is told of when the document goes back to it.
    gone_back = Q(type="document.updated", payload__changed=["version"])
    told_of = OutboxEvent.objects.filter(Q(type="vector.indexed") | gone_back)
    assert {str(pk) for pk in answering} <= {event.payload["version_id"] for event in told_of}


def test_fifty_retries_at_once_beside_the_worker_that_fails_the_version_are_answered_in_words() -> None:
    version = make.upload(make.knowledge_base(), make.BROKEN_PDF, filename="broken.pdf").version
    make.run_stages(["parse"])
    headers = make.headers(version.document.tenant)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            make.run_stages(["parse"])

    def retry() -> list[int]:
        client = Client(headers=headers)
        return [client.post(f"/api/v1/versions/{version.pk}/retry/").status_code for _ in range(3)]

    with make.in_background(work):
        try:
            answered = Counter(status for one in make.in_parallel(50, retry) for status in one)
        finally:
            done.set()
    assert set(answered) == {202, 409}
    make.run_stages(["parse"])
    version.refresh_from_db()
    assert (version.status, version.lease_owner) == ("failed", "")
