"""The order of claims, and that a claim reads what it takes, not all that waits or is done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.documents.lifecycle.waiting import versions_waiting
from apps.documents.models import DocumentVersion, VersionStatus
from ragsite.core.leases import claimable, lease_claim
from tests import factories as make

pytestmark = pytest.mark.django_db
CLAIMED = 32

_MANY = """
    WITH made AS (
        INSERT INTO documents_document (
            id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, restricted, chunking)
        SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Tide table', '', md5(n::text) || %(status)s, '{}', false, '{}'
        FROM generate_series(1, %(many)s) n
        RETURNING id
    )
    INSERT INTO documents_documentversion (
        id, document_id, number, filename, document_type, content_hash, blob, size, status, retry_status, error_code, error,
        chunk_count, attempts, lease_owner, not_before)
    SELECT gen_random_uuid(), id, 1, 'tide.txt', 'txt', '', '', 1, %(status)s, '', '', '', 0, 0, '',
        statement_timestamp() - random() * interval '1 hour'
    FROM made
"""


def versions(status: VersionStatus, many: int) -> None:
    base = make.knowledge_base()
    with connection.cursor() as cursor:
        cursor.execute(_MANY, {"tenant": base.tenant_id, "base": base.pk, "status": status, "many": many})


def pages_of_a_claim() -> int:
    """Pages of PostgreSQL that the next claim looks at, by a plan made without statistics as in the minute after an upload."""
    with CaptureQueriesContext(connection) as queries:
        assert len(lease_claim(versions_waiting(VersionStatus.CHUNKED), limit=CLAIMED).ids) == CLAIMED
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + queries[-1]["sql"])
        lines = [line for (line,) in cursor.fetchall()]
    return sum(int(pages) for pages in re.findall(r"(?:hit|read)=(\d+)", lines[1]))


def test_a_claim_costs_the_same_however_many_wait_and_are_done() -> None:
    versions(VersionStatus.CHUNKED, 500)
    pages_of_few = pages_of_a_claim()
    versions(VersionStatus.READY, 10_000)
    versions(VersionStatus.CHUNKED, 5_000)
    assert pages_of_a_claim() < 1.5 * pages_of_few


def test_who_was_there_first_is_first() -> None:
    base = make.knowledge_base()
    first, second, later = (make.upload(base, content=text).version for text in (b"One.", b"Two.", b"Three."))
    DocumentVersion.objects.filter(pk=first.pk).update(not_before=Now() - timedelta(minutes=1))
    DocumentVersion.objects.filter(pk=second.pk).update(not_before=Now() - timedelta(minutes=2))
    DocumentVersion.objects.filter(pk=later.pk).update(not_before=Now() + timedelta(minutes=1))
    assert list(versions_waiting(VersionStatus.UPLOADED).filter(claimable())) == [second, first]
