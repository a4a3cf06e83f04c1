"""Rows that go in as one JSON document are those that Django would have written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Chunk, Document, KnowledgeBase
from ragsite.core.database import rows_insert
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db

ODD = {"quoted": 'a "word" and \\ it\'s 100 % {done}', "ä": ["日本", None, 1.5, {"deep": True}], "empty": {}}


def event(**fields: Any) -> OutboxEvent:
    return OutboxEvent(**{"type": "a.thing", "key": "key", "shard": 1, "tenant_id": new_id(), **fields})


def document(base: KnowledgeBase, content_hash: str, **fields: Any) -> Document:
    return Document(knowledge_base=base, tenant_id=base.tenant_id, title="A", content_hash=content_hash, **fields)


def columns(row: Any) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_rows_go_in_in_their_order_with_one_statement_and_learn_what_the_database_chose() -> None:
    rows = [event(key=f"key {number}", payload={"number": number}) for number in range(20)]
    with CaptureQueriesContext(connection) as statements:
        rows_insert(rows)
    assert len(statements) == 1
    stored = list(OutboxEvent.objects.order_by("pk"))
    assert [columns(row) for row in rows] == [columns(row) for row in stored]
    assert not rows[0]._state.adding


def test_odd_values_are_stored_as_django_stores_them() -> None:
    long_ago = datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
    fields = {"payload": ODD, "tenant_id": None, "sent_at": long_ago, "error": "no\nreport", "attempts": 3}
    mine, djangos = event(**fields), event(**fields)
    rows_insert([mine])
    djangos.save()
    mine, djangos = OutboxEvent.objects.get(pk=mine.pk), OutboxEvent.objects.get(pk=djangos.pk)
    chosen = {"id", "event_id", "created_at", "not_before"}
    assert model_to_dict(mine, exclude=chosen) == model_to_dict(djangos, exclude=chosen)
    assert (mine.payload, mine.sent_at, mine.tenant_id) == (ODD, long_ago, None)


def test_arrays_and_related_rows_are_stored() -> None:
    base = make.knowledge_base()
    rows = [document(base, "a" * 64, tags=["harbour", 'a "b", {c}'], metadata=ODD), document(base, "b" * 64)]
    rows_insert(rows)
    stored = {row.pk: row for row in Document.objects.all()}
    assert [columns(row) for row in rows] == [columns(stored[row.pk]) for row in rows]
    assert rows[0].tags == ["harbour", 'a "b", {c}']


def test_bytes_and_lines_are_stored() -> None:
    version = make.upload(make.knowledge_base()).version
    path = ['quoted "heading"', "", "{braces}, commas", "NULL"]
    place = {"page": 4, "name": "Ä\n"}
    common = {"version": version, "start": 3, "end": 9, "content_hash": b"\x00\xff" * 16, "token_count": 7}
    rows = [
        Chunk(ordinal=0, text="Ein\tText\\ mit „Zeichen“\n東京", **common),
        Chunk(ordinal=1, text="a", heading_path=path, place=place, table_header="a | b", **common),
    ]
    rows_insert(rows)
    stored = [
        values | {"content_hash": bytes(values["content_hash"])}
        for values in map(columns, Chunk.objects.order_by("ordinal"))
    ]
    assert [columns(row) for row in rows] == stored


def test_of_rows_that_break_a_constraint_none_is_stored() -> None:
    base = make.knowledge_base()
    with pytest.raises(IntegrityError), transaction.atomic():
        rows_insert([document(base, "a" * 64), document(base, "b" * 64), document(base, "a" * 64)])
    with pytest.raises(DataError), transaction.atomic():
        rows_insert([event(), event(key="k" * 81)])
    assert not Document.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_no_rows_are_no_statement() -> None:
    with CaptureQueriesContext(connection) as statements:
        rows_insert([])
    assert len(statements) == 0
