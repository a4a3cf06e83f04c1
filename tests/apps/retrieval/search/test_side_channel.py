"""What other tenants have changes neither what a search finds nor how much it reads, so that its time tells nothing of them."""

from __future__ import annotations

import os

import psycopg
import pytest
from django.db import connection

from apps.documents.models import KnowledgeBase
from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import AccessScope
from apps.retrieval.index.lexical.writing import lexical_build
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.texts import index_of

pytestmark = pytest.mark.django_db

OURS, FOREIGN = 60, 1_000
TABLES = ["documents_knowledgebase", "documents_document", "documents_documentversion", "documents_chunk"]
Outcome = tuple[list[tuple[str, float]], int]


def filled(documents: int, *, seed: int) -> KnowledgeBase:
    """The knowledge base of a tenant of its own, with documents that vectors and words find."""
    base = make.knowledge_base()
    indexed(base, unit_vectors(documents, seed=seed))
    lexical_build(index_of(base))
    return base


def statistics_forgotten() -> None:
    """Let the planner know no more of the tables than their size. What it has was counted while rows of tests, which are never
    committed, were not there or had been rolled back: by that a table is empty, or a knowledge base the only one.
    """
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], dbname=connection.settings_dict["NAME"]) as owner:
        owner.execute("SET lock_timeout = '5s'")
        owner.execute(
            "SELECT pg_clear_relation_stats(schemaname, tablename) FROM pg_tables WHERE tablename = ANY(%s)", [TABLES]
        )
        owner.execute(
            """
            SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats
            WHERE tablename = ANY(%s)
            """,
            [TABLES],
        )


def rows_read() -> int:
    """The rows that this transaction has read from our tables so far."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
            WHERE relname LIKE 'documents_%' OR relname LIKE 'retrieval_%'
        """)
        return int(cursor.fetchone()[0])


def searched(scope: AccessScope, mode: Mode) -> Outcome:
    """What a search finds, and how many rows it reads by indexes, as it does of large tables; such as these it may read whole."""
    statistics_forgotten()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    before = rows_read()
    found = retrieve(SearchRequest("document 7", top_k=20, mode=mode), scope=scope, deadline=make.soon()).passages
    return [(one.text, one.score) for one in found], rows_read() - before


def test_a_search_finds_the_same_and_reads_no_more_whatever_other_tenants_have() -> None:
    scope = make.scope(filled(OURS, seed=7))
    for mode in Mode:  # what is read once a process is known from here on
        searched(scope, mode)
    alone = {mode: searched(scope, mode) for mode in Mode}
    filled(FOREIGN, seed=8)
    for mode, (found, rows) in alone.items():
        beside, read = searched(scope, mode)
        assert beside == found
        # The index over the vectors is walked a little otherwise; if the others' rows were read, it would be many times as many.
        assert read <= 1.2 * rows, mode
        assert found
        assert rows
