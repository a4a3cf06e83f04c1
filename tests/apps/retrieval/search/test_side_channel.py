"""What other tenants have changes neither what a search finds nor how much it reads, so that its time tells nothing of them."""

from __future__ import annotations

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
from tests.statistics import rows_counted

pytestmark = pytest.mark.django_db

OURS, FOREIGN = 60, 1_000
Outcome = tuple[list[tuple[str, float]], int]


def filled(documents: int, *, seed: int) -> KnowledgeBase:
    """The knowledge base of a tenant of its own, with documents that vectors and words find."""
    base = make.knowledge_base()
    indexed(base, unit_vectors(documents, seed=seed))
    lexical_build(index_of(base))
    return base


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
    rows_counted()
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
        # By which indexes it comes upon our own rows follows from how much there is in all. Others' would be a thousand more.
        assert read - rows < FOREIGN / 4, mode
        assert found
        assert rows
