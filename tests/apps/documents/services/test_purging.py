from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.documents.blobs import blob_path, blobs_after
from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, ParsedText, StageRecord
from apps.documents.services import purging
from apps.documents.services.purging import blobs_purge, documents_purge
from ragsite.core import bites
from ragsite.core.ids import new_id
from ragsite.core.models import Walk
from tests import factories as make
from tests import turns
from tests.apps.documents.services.many import documents

pytestmark = pytest.mark.django_db

KINDS = (Document, DocumentVersion, Chunk, ParsedText, StageRecord)


def statements(call: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as queries:
        call()
    return len(queries)


def rows() -> int:
    return sum(kind.objects.count() for kind in KINDS)


def deleted(number: int, **fields: Any) -> None:
    documents(make.knowledge_base(), number, deleted_at=Now(), **fields)


def blobs(number: int, *, tenant: object = "tenant", age: float = 7_200) -> list[str]:
    names = [f"{tenant}/{new_id()}" for _ in range(number)]
    for name in names:
        path = blob_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    return names


def left_of(names: list[str]) -> list[str]:
    return [name for name in names if blob_path(name).exists()]


def test_a_bite_executes_as_many_statements_for_a_thousand_documents_as_for_ten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(purging, "DOCUMENTS", 1_000)
    monkeypatch.setattr(bites, "AT_ONCE", 10_000)
    deleted(10)
    of_ten = statements(lambda: documents_purge(turns.short(1)))
    deleted(1_000)
    of_a_thousand = statements(lambda: documents_purge(turns.short(1)))
    assert of_a_thousand == of_ten <= 27
    assert not Document.objects.exists()


def test_thousands_of_deleted_documents_are_gone_within_few_bites_each_of_few_rows() -> None:
    deleted(3_000)
    kept = documents(make.knowledge_base(), 1)
    taken, left = 0, rows()
    assert left > 18_000
    while documents_purge(turns.short(1)):
        taken, before, left = taken + 1, left, rows()
        assert before - left <= 2 * bites.AT_ONCE
    assert taken <= 18
    assert list(Document.objects.all()) == kept


def test_a_document_of_very_many_chunks_is_removed_in_several_bites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bites, "AT_ONCE", 100)
    deleted(1, chunks=350)
    left = [rows()]
    while documents_purge(turns.short(1)):
        left.append(rows())
    assert left[0] == 354
    assert all(before - after <= 100 for before, after in pairwise(left))
    assert left[-1] == 0


@pytest.mark.django_db(transaction=True)
def test_a_document_that_somebody_is_at_is_passed_over_and_removed_later() -> None:
    deleted(3)
    held = Document.objects.order_by("pk")[0]
    with transaction.atomic():
        Document.objects.select_for_update().get(pk=held.pk)
        with make.in_background(lambda: documents_purge(turns.long())):
            pass
        assert list(Document.objects.all()) == [held]
    assert not documents_purge(turns.long())
    assert rows() == 0


def test_nothing_hangs_on_a_version_or_document_that_a_bite_does_not_know_of() -> None:
    """Whatever refers to them by CASCADE goes in bites; a table that refuses their removal would stop the purge for good."""
    refusing = [
        f"{relation.related_model.__name__}.{relation.field.name}"
        for model in (Document, DocumentVersion)
        for relation in model._meta.related_objects
        if relation.on_delete.__name__ not in {"CASCADE", "SET_NULL"}
    ]
    assert refusing == []


def test_a_bite_asks_as_often_for_a_thousand_blobs_as_for_ten() -> None:
    assert not blobs_purge(turns.long())
    names = blobs(10)
    of_ten = statements(lambda: blobs_purge(turns.long()))
    more = blobs(1_000)
    of_a_thousand = statements(lambda: blobs_purge(turns.long()))
    assert of_a_thousand == of_ten
    assert left_of(names + more) == []


def test_the_walk_goes_on_where_a_turn_ended_and_starts_over_when_it_is_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(purging, "NAMES", 3)
    monkeypatch.setattr(purging, "PAGE", 6)
    names = sorted(blobs(4, tenant="a") + blobs(0, tenant="b") + blobs(7, tenant="c"))
    for done in (3, 6, 9):
        assert blobs_purge(turns.short(1))
        assert left_of(names) == names[done:]
        assert Walk.objects.get(name=purging.BLOBS).position == names[done - 1]
    assert not blobs_purge(turns.long())
    assert (left_of(names), Walk.objects.get(name=purging.BLOBS).position) == ([], "")
    (early,) = blobs(1, tenant="a")
    assert not blobs_purge(turns.long())
    assert left_of([early]) == []


def test_blobs_are_named_in_order_a_page_at_a_time() -> None:
    names = sorted(blobs(3, tenant="b") + blobs(2, tenant="a") + blobs(2, tenant="c"))
    pages, position = [], ""
    while page := blobs_after(position, limit=3):
        pages.append(page)
        position = page[-1]
    assert pages == [names[:3], names[3:6], names[6:]]


def test_without_a_store_there_is_nothing_to_walk_through() -> None:
    assert blobs_after("", limit=10) == []
    assert not blobs_purge(turns.long())


def test_what_a_version_names_stays_however_old_it_is() -> None:
    base: KnowledgeBase = make.knowledge_base()
    named = make.upload(base).version.blob
    os.utime(blob_path(named), (0, 0))
    (fresh,) = blobs(1, tenant=base.tenant_id, age=0)
    (old,) = blobs(1, tenant=base.tenant_id)
    assert not blobs_purge(turns.long())
    assert left_of([named, fresh, old]) == [named, fresh]
