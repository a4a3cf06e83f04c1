"""Who has the next turn, and that a claim reads what it takes, not all that waits or is done."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.documents.lifecycle.progress import version_progress
from apps.documents.lifecycle.rows import versions_claim, versions_waiting
from apps.documents.models import Document, DocumentVersion, VersionStatus
from apps.documents.services.documents import document_delete
from ragsite.core.leases import RELEASED, claimable
from ragsite.gateway.models import Tenant
from tests import factories as make
from tests.acting import ACTOR
from tests.statistics import from_outside, rows_counted

pytestmark = pytest.mark.django_db
CLAIMED = 32

_MANY = """
    WITH made AS (
        INSERT INTO documents_document (
            id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, restricted, chunking)
        SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Tide table', '', gen_random_uuid(), '{}', false, '{}'
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


def versions(status: VersionStatus, many: int, *, of: Tenant | None = None) -> Tenant:
    base = make.knowledge_base(of=of)
    with connection.cursor() as cursor:
        cursor.execute(_MANY, {"tenant": base.tenant_id, "base": base.pk, "status": status, "many": many})
    return base.tenant


def claimed(limit: int) -> Counter[UUID]:
    """How many versions of each tenant the next claim takes; they are as good as done."""
    claim = versions_claim(VersionStatus.CHUNKED, limit=limit)
    taken = DocumentVersion.objects.filter(pk__in=claim.ids)
    tenants = Counter(taken.values_list("tenant_id", flat=True))
    taken.update(status=VersionStatus.EMBEDDED, **RELEASED)
    return tenants


def pages_of(queries: CaptureQueriesContext) -> int:
    """Pages of PostgreSQL that the statements look at, by plans made without statistics as in the minute after an upload."""
    pages = 0
    with connection.cursor() as cursor:
        for query in queries:
            if not re.match(r"\s*(SELECT|\(?\s*WITH)", query["sql"]):
                continue
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + query["sql"])
            lines = [line for (line,) in cursor.fetchall()]
            pages += sum(int(found) for found in re.findall(r"(?:hit|read)=(\d+)", lines[1]))
    return pages


def pages_of_a_claim() -> int:
    """The settings that a claim makes for its transaction hold until the test's."""
    with CaptureQueriesContext(connection) as queries:
        assert len(versions_claim(VersionStatus.CHUNKED, limit=CLAIMED).ids) == CLAIMED
    return pages_of(queries)


@pytest.fixture(autouse=True)
def _long_leases(settings: Any) -> None:
    """What a test claimed it still holds at its end, however slow the machine."""
    settings.RAGSITE_LEASE_SECONDS = 3_600


@pytest.fixture
def vacuumed() -> None:
    """Rows that earlier tests rolled back are gone from tables and indexes, so that their pages do not count; of knowledge bases,
    which a plan may read whole, they would be most. Nor does autovacuum take them away in the middle.
    """
    from_outside("VACUUM {table}")


STATISTICS = pytest.mark.parametrize("are_new", [False, True], ids=["old statistics", "new statistics"])


@pytest.mark.usefixtures("vacuumed")
@STATISTICS
def test_a_claim_costs_the_same_however_many_wait_and_are_done(are_new: bool) -> None:
    tenant = versions(VersionStatus.CHUNKED, 300)
    pages_of_few = pages_of_a_claim()
    versions(VersionStatus.READY, 3_000, of=tenant)
    versions(VersionStatus.CHUNKED, 3_000, of=tenant)
    if are_new:
        rows_counted()
    assert pages_of_a_claim() < 1.5 * pages_of_few


@pytest.mark.usefixtures("vacuumed")
@pytest.mark.parametrize(
    "are_of_nothing", [False, True], ids=["old statistics", "statistics that say there are no rows"]
)
def test_a_claim_costs_the_same_however_many_tenants_wait(are_of_nothing: bool) -> None:
    for _ in range(CLAIMED):
        versions(VersionStatus.CHUNKED, 20)
    pages_of_few = pages_of_a_claim()
    for _ in range(3 * CLAIMED):
        versions(VersionStatus.CHUNKED, 50)
    if are_of_nothing:
        from_outside("ANALYZE {table}")
    assert pages_of_a_claim() < 1.5 * pages_of_few


def test_who_was_there_first_is_first() -> None:
    base = make.knowledge_base()
    first, second, later = (make.upload(base, content=text).version for text in (b"One.", b"Two.", b"Three."))
    DocumentVersion.objects.filter(pk=first.pk).update(not_before=Now() - timedelta(minutes=1))
    DocumentVersion.objects.filter(pk=second.pk).update(not_before=Now() - timedelta(minutes=2))
    DocumentVersion.objects.filter(pk=later.pk).update(not_before=Now() + timedelta(minutes=1))
    assert list(versions_waiting(VersionStatus.UPLOADED).filter(claimable())) == [second, first]
    assert [versions_claim(VersionStatus.UPLOADED, limit=1).ids for _ in range(3)] == [(second.pk,), (first.pk,), ()]


def test_tenants_share_a_claim_alike_and_what_one_leaves_goes_to_the_others() -> None:
    large, small, single = (versions(VersionStatus.CHUNKED, many).pk for many in (60, 5, 1))
    assert claimed(15) == {large: 9, small: 5, single: 1}
    assert claimed(15) == {large: 15}


def test_when_more_tenants_wait_than_fit_into_a_claim_each_has_its_turn_before_any_has_two() -> None:
    tenants = {versions(VersionStatus.CHUNKED, 10).pk for _ in range(10)}
    turns = [claimed(4) for _ in range(5)]
    assert sum(turns, Counter()) == dict.fromkeys(tenants, 2)
    assert sum(turns[:2], Counter()) <= Counter(dict.fromkeys(tenants, 1))


def test_what_was_tried_before_is_alone_and_waits_for_no_other_tenants_backlog() -> None:
    backlog, unlucky = versions(VersionStatus.CHUNKED, 60), versions(VersionStatus.CHUNKED, 1)
    DocumentVersion.objects.filter(tenant_id=unlucky.pk).update(attempts=1)
    turns = [claimed(8) for _ in range(3)]
    assert Counter({unlucky.pk: 1}) in turns
    assert sum(turns, Counter())[backlog.pk] == 16


def test_many_that_were_tried_before_hold_up_no_other_tenant() -> None:
    failing, fresh = versions(VersionStatus.CHUNKED, 60), versions(VersionStatus.CHUNKED, 8)
    DocumentVersion.objects.filter(tenant_id=failing.pk).update(attempts=1)
    turns = [claimed(8) for _ in range(2)]
    assert sorted(turns, key=Counter.total) == [{failing.pk: 1}, {fresh.pk: 8}]


def test_versions_of_deleted_documents_have_no_turn() -> None:
    tenant = versions(VersionStatus.CHUNKED, 3)
    document_delete(document=Document.objects.filter(tenant=tenant)[0], actor=ACTOR)
    assert claimed(8) == {tenant.pk: 2}
    assert claimed(8) == {}


@pytest.mark.usefixtures("vacuumed")
@STATISTICS
def test_how_a_version_stands_costs_the_same_whatever_the_backlog(
    monkeypatch: pytest.MonkeyPatch, are_new: bool
) -> None:
    monkeypatch.setattr("apps.documents.lifecycle.progress.MOST_AHEAD", 100)

    def pages_of_the_last() -> int:
        last = DocumentVersion.objects.select_related("document").filter(status="chunked").latest("not_before", "pk")
        with CaptureQueriesContext(connection) as queries:
            progress = version_progress(last)
        assert progress.ahead == 100
        return pages_of(queries)

    tenant = versions(VersionStatus.CHUNKED, 150)
    pages_of_few = pages_of_the_last()
    versions(VersionStatus.CHUNKED, 3_000, of=tenant)
    versions(VersionStatus.CHUNKED, 2_000)
    if are_new:
        rows_counted()
    assert pages_of_the_last() < 1.5 * pages_of_few


def test_a_version_keeps_the_tenant_of_its_document_whoever_writes_it() -> None:
    version = make.upload(make.knowledge_base()).version
    other = make.knowledge_base()
    assert version.tenant_id == version.document.tenant_id
    DocumentVersion.objects.filter(pk=version.pk).update(tenant_id=other.tenant_id)
    version.refresh_from_db()
    assert version.tenant_id == version.document.tenant_id
    Document.objects.filter(pk=version.document_id).update(tenant=other.tenant, knowledge_base=other)
    version.refresh_from_db()
    assert version.tenant_id == other.tenant_id


@pytest.mark.django_db(transaction=True)
def test_versions_that_are_there_get_their_tenants_as_the_column_comes() -> None:
    version = make.upload(make.knowledge_base()).version
    migration = import_module("apps.documents.migrations.0010_version_tenant")
    table = "ALTER TABLE documents_documentversion"
    # All in one transaction, as a migration is, and none of it stays.
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        owner.execute(migration.LEFT)
        owner.execute(f"{table} DROP COLUMN tenant_id")
        owner.execute(f"{table} ADD COLUMN tenant_id uuid")
        for statement in (migration.FILLED, f"{table} ALTER COLUMN tenant_id SET NOT NULL", migration.KEPT):
            owner.execute(statement)
        found = owner.execute("SELECT tenant_id FROM documents_documentversion WHERE id = %s", [version.pk])
        assert found.fetchone() == (version.document.tenant_id,)
        owner.rollback()
