"""Batches of the embed stage beside the building of an index, which keeps writers from one partition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from apps.documents.models import DocumentVersion, StageOutcome, StageRecord
from apps.models.gateway import ModelTransport
from apps.retrieval.index.generations import INDEX_LOCK, generation_ensure
from apps.retrieval.models import IndexGeneration
from tests import factories as make
from tests.apps.retrieval.index.test_fairness import Watched, status

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _waits_for_no_lock() -> None:
    """So that anything that would wait for the build fails."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")


@contextmanager
def being_indexed(generation: IndexGeneration) -> Iterator[None]:
    """A build of the generation's index that has not ended."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as builder:
        builder.execute("SELECT pg_advisory_xact_lock(%s, %s)", [INDEX_LOCK, generation.pk])
        builder.execute("SELECT retrieval_partition_index(%s, %s)", [generation.pk, generation.dimensions])
        yield
        builder.rollback()


def uploaded() -> tuple[IndexGeneration, DocumentVersion, DocumentVersion]:
    """The generation of a knowledge base, a version that was uploaded into it, and one that was into another."""
    indexed, other = (make.ready_version().document.knowledge_base for _ in range(2))
    waiting, page = (make.upload(base, "The gate opens at seven.", filename="a.txt") for base in (indexed, other))
    return generation_ensure(indexed), waiting.version, page.version


def test_while_an_index_is_built_its_own_knowledge_base_waits_and_no_other() -> None:
    generation, waiting, page = uploaded()
    with being_indexed(generation):
        make.run_stages()
        assert (status(page), status(waiting), waiting.attempts) == ("ready", "chunked", 0)
        record = StageRecord.objects.get(version=waiting, stage="embed")
        assert record.outcome == StageOutcome.POSTPONED
        assert "The index of the knowledge base is being built" in record.error
        assert not make.work_once("embed"), "it is looked at again in a while"
    DocumentVersion.objects.update(not_before=Now())
    make.run_stages()
    assert status(waiting) == "ready"


def test_a_switch_that_holds_the_generation_keeps_nobody_from_writing_into_it() -> None:
    generation, waiting, _ = uploaded()
    with psycopg.connect(os.environ["DATABASE_URL"]) as switch:
        switch.execute("SELECT FROM retrieval_indexgeneration WHERE id = %s FOR NO KEY UPDATE", [generation.pk])
        make.run_stages()
        assert status(waiting) == "ready"


def test_a_batch_that_is_computed_when_a_build_begins_writes_what_it_may_and_waits_for_nothing(
    use_transport: Callable[[ModelTransport], None],
) -> None:
    generation, waiting, page = uploaded()
    make.run_stages(["parse", "chunk"])
    with ExitStack() as build:
        use_transport(Watched(at_call=lambda number: number == 1 and build.enter_context(being_indexed(generation))))
        assert make.work_once("embed")
        assert (status(page), status(waiting), waiting.attempts) == ("embedded", "chunked", 0)
        assert waiting.lease_owner == ""
        make.run_stages(["activate"])
    make.run_stages()
    assert status(waiting) == "ready"
