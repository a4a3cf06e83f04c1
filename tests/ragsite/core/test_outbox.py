from __future__ import annotations

import subprocess
import sys
import uuid
from typing import Any

import pytest
from django.db import transaction

from apps.documents.events import DocumentCreated, DocumentDeleted
from ragsite.core.database import connection_of_own
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.models import SHARDS, AuditEntry, OutboxEvent
from ragsite.core.outbox import CHANNEL, emit, outbox_waiting, shard_of
from ragsite.core.transport import NO_KAFKA
from ragsite.gateway.models import Tenant
from tests.acting import ACTOR


def deleted(document_id: uuid.UUID | None = None) -> DocumentDeleted:
    return DocumentDeleted(
        tenant_id=uuid.uuid4(), knowledge_base_id=uuid.uuid4(), document_id=document_id or uuid.uuid4()
    )


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused_and_nothing_is_written() -> None:
    with pytest.raises(RuntimeError, match=r"document\.deleted was emitted outside a transaction"):
        emit(deleted(), actor=ACTOR)
    assert not OutboxEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_is_committed_with_its_change() -> None:
    with transaction.atomic():
        Tenant.objects.create(name="Kept", slug="kept")
        emit(deleted(), actor=ACTOR)
    assert (Tenant.objects.count(), OutboxEvent.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_an_event_is_rolled_back_with_its_change() -> None:
    def change_that_fails() -> None:
        with transaction.atomic():
            Tenant.objects.create(name="Lost", slug="lost")
            emit(deleted(), actor=ACTOR)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_that_fails()
    assert (Tenant.objects.count(), OutboxEvent.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_the_relay_is_woken_at_commit_and_not_before() -> None:
    with connection_of_own() as listener:
        listener.execute(f"LISTEN {CHANNEL}")
        with transaction.atomic():
            emit(deleted(), actor=ACTOR)
            assert list(listener.notifies(timeout=0.05, stop_after=1)) == []
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


@pytest.mark.django_db
def test_without_kafka_nothing_is_written_to_the_outbox_and_the_audit_log_has_its_acts(settings: Any) -> None:
    (before,) = emit(deleted(), actor=ACTOR)
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    event = deleted()
    assert emit(event, actor=ACTOR) == []
    assert OutboxEvent.objects.get() == before
    assert AuditEntry.objects.filter(object_id=str(event.document_id), action="document.deleted").count() == 1
    assert not outbox_waiting().exists()
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    assert list(outbox_waiting()) == [before]


@pytest.mark.django_db
def test_an_event_carries_its_fields_as_plain_values() -> None:
    event = DocumentCreated(
        tenant_id=uuid.uuid4(), knowledge_base_id=uuid.uuid4(), document_id=uuid.uuid4(), version_id=uuid.uuid4(),
        title="Ä title", content_hash="ab",
    )  # fmt: skip
    emit(event, actor=ACTOR)
    row = OutboxEvent.objects.get()
    assert (row.type, row.tenant_id, row.key) == ("document.created", event.tenant_id, str(event.document_id))
    assert row.shard == shard_of(row.key)
    assert row.payload == {
        "knowledge_base_id": str(event.knowledge_base_id),
        "document_id": str(event.document_id),
        "version_id": str(event.version_id),
        "title": "Ä title",
        "content_hash": "ab",
    }


@pytest.mark.django_db
def test_events_of_one_key_keep_their_order_and_shard() -> None:
    document = uuid.uuid4()
    rows = emit(*[deleted(document) for _ in range(3)], actor=ACTOR)
    assert [row.pk for row in rows] == sorted(row.pk for row in rows)
    assert len({row.shard for row in rows}) == 1
    assert len({row.event_id for row in rows}) == 3


def test_a_key_has_the_same_shard_in_every_process() -> None:
    keys = [f"key-{number}" for number in range(100)]
    script = (
        "import sys, django; django.setup(); from ragsite.core.outbox import shard_of; "
        "print(*map(shard_of, sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *keys], cwd=PROJECT_DIR, capture_output=True, text=True, check=True
    )
    assert [int(shard) for shard in done.stdout.split()] == [shard_of(key) for key in keys]
    assert {shard_of(key) for key in keys} == set(range(SHARDS))
