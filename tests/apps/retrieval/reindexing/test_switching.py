"""The switch beside activations: real transactions, each on its own connection."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from apps.documents.models import Document, KnowledgeBase
from apps.retrieval.index.generations import generation_ensure, generations_held
from apps.retrieval.models import GenerationState, IndexGeneration, ReindexState, SwitchMode
from apps.retrieval.reindexing.services import reindex_rollback, reindex_switch
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.reindexing.rebuilding import assert_whole, other_model, started, worked
from tests.apps.retrieval.reindexing.test_reindexing import SMALL
from tests.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True)]


def uncovered(base: KnowledgeBase) -> int:
    """Documents that answer without their vectors in the live generation, seen in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM documents_document d
            JOIN retrieval_indexgeneration g ON g.knowledge_base_id = d.knowledge_base_id AND g.state = 'live'
            WHERE d.knowledge_base_id = %s AND d.current_version_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM documents_chunk c JOIN retrieval_embedding e ON e.chunk_id = c.id AND e.generation_id = g.id
                WHERE c.version_id = d.current_version_id)
            """,
            [base.pk],
        )
        return int(cursor.fetchone()[0])


def test_no_document_answers_without_its_vectors_while_generations_are_switched_to_and_fro(tmp_path: Path) -> None:
    base = make.knowledge_base()
    make.ready_version(base, "The first note.", filename="first.txt")
    reindex = worked(started(base, model=other_model(tmp_path), chunking=SMALL))
    assert reindex.state == ReindexState.SWITCHED
    stop, seen = threading.Event(), [0, 0]

    def look() -> None:
        while not stop.is_set():
            seen[0] += 1
            seen[1] += uncovered(base)

    def load() -> None:
        for number in range(12):
            make.upload(base, f"Note number {number} is about ropes.", filename=f"{number}.txt")
            make.run_stages()

    def to_and_fro() -> None:
        for _ in range(6):
            worked(reindex_rollback(base, actor=ACTOR))

    try:
        with make.in_background(look):
            with make.in_background(load):
                to_and_fro()
            make.run_stages()
            stop.set()
    finally:
        stop.set()
    assert seen[0] > 10
    assert seen[1] == 0
    assert uncovered(base) == 0
    assert Document.objects.filter(current_version=None).count() == 0
    assert_whole(generation_ensure(base))


def test_the_switch_waits_for_an_activation_that_holds_the_knowledge_base(tmp_path: Path) -> None:
    base = make.knowledge_base()
    make.ready_version(base, "The first note.", filename="first.txt")
    ready = worked(started(base, model=other_model(tmp_path), switch=SwitchMode.MANUAL))
    before = generation_ensure(base)
    held, done = threading.Event(), threading.Event()

    def switch() -> None:
        assert held.wait(10)
        assert reindex_switch(base, actor=ACTOR).state == ReindexState.SWITCHED
        done.set()

    with make.in_background(switch):
        with transaction.atomic():
            assert generations_held([base.pk]) == {base.pk: before}
            held.set()
            wait_for(lambda: waiting_for_a_lock() or done.is_set(), seconds=30, what="the switch waits")
            assert not done.is_set()
            assert generation_ensure(base) == before
        wait_for(done.is_set, seconds=30, what="the switch")
    assert generation_ensure(base).pk == ready.generation_id


def waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction the first look would be repeated.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')")
        return bool(cursor.fetchone()[0])


def test_many_who_switch_at_once_switch_once(tmp_path: Path) -> None:
    base = make.knowledge_base()
    make.ready_version(base, "The first note.", filename="first.txt")
    worked(started(base, model=other_model(tmp_path), switch=SwitchMode.MANUAL))

    def switch() -> str:
        try:
            return reindex_switch(base, actor=ACTOR).state
        except Exception as error:  # noqa: BLE001 - what became of each is what is asked
            return type(error).__name__

    outcomes = make.in_parallel(4, switch)
    assert sorted(set(outcomes)) == ["ConflictError", "switched"]
    assert IndexGeneration.objects.filter(state=GenerationState.LIVE).count() == 1
