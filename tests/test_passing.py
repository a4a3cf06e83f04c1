"""That a version whose stages are passed without the queue is what the queue makes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import AutoField, ForeignKey

from apps.documents.models import DocumentVersion
from tests import factories as make
from tests.locks import around_example
from tests.passing import stages_pass

BY_CHANCE = {"commitments", "salts", "shard", "transaction", "mark", "part_id"}
"""Columns that are drawn, or follow from an id."""
ANOTHER = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<='generation_id': )\d+|(?<=_milliseconds': ){[^}]+}"
)
"""In texts and payloads: an id, or how long something took."""


@pytest.mark.django_db
def test_stages_passed_by_one_leave_the_rows_that_the_queue_leaves() -> None:
    queued, alone = rows_after(make.run_stages), rows_after(stages_pass)
    assert {name: rows for name, rows in alone.items() if rows != queued[name]} == {}
    assert {"retrieval_embedding", "core.OutboxEvent", "documents.StageRecord", "documents.Chunk"} <= {
        name for name, rows in alone.items() if rows
    }


def rows_after(run: Callable[[], None]) -> dict[str, list[str]]:
    """What is in every table after documents that come through, fail, and were tried before."""
    with around_example():
        base = make.knowledge_base(of=make.tenant("Harbour"), name="Handbooks", chunking={"size": 32, "overlap": 4})
        make.upload(base, make.HANDBOOK)
        make.upload(base, "Two boats.", filename="boats.txt", metadata={"kind": "list"}, tags=["boats"])
        make.upload(base, make.BROKEN_PDF, filename="broken.pdf")
        tried = make.upload(base, "It was tried once.", filename="tried.txt").version
        DocumentVersion.objects.filter(pk=tried.pk).update(attempts=1)
        run()
        found = {model._meta.label: rows_of(model) for model in apps.get_models()}
        with connection.cursor() as cursor:
            cursor.execute("SELECT embedding::text FROM retrieval_embedding ORDER BY 1")
            found["retrieval_embedding"] = [vector for (vector,) in cursor.fetchall()]
        transaction.set_rollback(True)
    return found


def rows_of(model: Any) -> list[str]:
    """Without what is another for each row: its ids and moments, and sizes in the place of what lists them."""
    keys = (AutoField, ForeignKey)
    fields = [one for one in model._meta.concrete_fields if not isinstance(one, keys)]
    names = [one.attname for one in fields if one.attname not in BY_CHANCE]
    return sorted(repr([_plain(value) for value in row]) for row in model._default_manager.values_list(*names))


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return "an id"
        case datetime():
            return "a moment"
        case bytes() | memoryview():
            return len(value)
        case [int(), *_]:
            return len(value)
        case dict() | list() | str():
            return ANOTHER.sub("another", repr(value))
    return value
