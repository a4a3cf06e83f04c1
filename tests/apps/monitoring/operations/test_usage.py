"""What tenants use is counted by day or month, for those who look after them, on a page and for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.documents.models import KnowledgeBase
from apps.monitoring.operations.usage import cell, period_of
from apps.monitoring.operations.usage_counts import Period, Step
from apps.retrieval.models import Answer, Query
from ragsite.gateway.models import Role
from tests import factories as make

PAGE = "/admin/usage/"
TODAY = date(2026, 3, 15)


def asked(*bases: KnowledgeBase, found: bool = True) -> None:
    """A question that was answered by a language model."""
    query = Query.objects.create(
        tenant=bases[0].tenant, asked_by="ada", question="?", knowledge_base_ids=[str(base.pk) for base in bases]
    )
    Answer.objects.create(
        query=query, text="!", found=found, generator="model", milliseconds={"embed": 250.0, "generate": 750.0, "dense": 9.0},
        usage={"prompt_tokens": 1000, "completion_tokens": 50},
    )  # fmt: skip


def totals(client: Client, query: str = "") -> tuple[int, int, int, int, float]:
    total = client.get(PAGE + query).context["usage"].total
    return (total.questions, total.missed, total.tokens_read, total.tokens_written, total.seconds)


@pytest.mark.django_db
def test_questions_tokens_and_seconds_are_counted_by_knowledge_base(admin_client: Client) -> None:
    base, other = make.knowledge_base(name="Legal"), make.knowledge_base(name="Harbour")
    make.ready_version(base)
    asked(base)
    asked(base, found=False)
    asked(base, other)
    page = admin_client.get(PAGE)
    assert totals(admin_client) == (3, 1, 3000, 150, 3.0)
    rows = {row.name: row for row in page.context["bases"]}
    assert (rows["Legal"].asked.questions, rows["Several together"].asked.questions) == (2, 1)
    kept = rows["Legal"].kept
    assert (kept.documents, kept.versions) == (1, 1)
    assert min(kept.chunks, kept.bytes, kept.vector_bytes) > 0
    assert "2 questions found an answer, 1 did not." in page.content.decode()
    assert totals(admin_client, f"?tenant={other.tenant_id}") == (0, 0, 0, 0, 0.0)
    yesterday = timezone.localdate() - timedelta(days=1)
    assert totals(admin_client, f"?last={yesterday}")[0] == 0
    long_ago = f"?first=2020-01-01&last={yesterday}"
    assert "Adding up what was asked." in admin_client.get(PAGE + long_ago).content.decode()
    assert totals(admin_client, f"{long_ago}&part=live")[0] == 0
    assert totals(admin_client, "?by=month")[0] == 3


@pytest.mark.django_db
def test_the_same_is_there_for_a_spreadsheet(admin_client: Client) -> None:
    base = make.knowledge_base(name="=HYPERLINK(1)")
    asked(base)
    response = admin_client.get(f"{PAGE}?format=csv")
    rows = list(csv.reader(io.StringIO(response.content.decode())))
    assert response["Content-Disposition"].startswith("attachment")
    today = str(timezone.localdate())
    assert rows[1] == [today, base.tenant.name, "'=HYPERLINK(1)", "1", "1", "1000", "50", "1.000"]


@pytest.mark.django_db
def test_an_owner_sees_the_own_tenants_alone_and_others_nothing(visitor: Callable[..., Client]) -> None:
    base, other = make.knowledge_base(name="Mine"), make.knowledge_base(name="Theirs")
    asked(base)
    asked(other)
    owner = visitor(base.tenant, Role.OWNER)
    assert totals(owner)[0] == totals(owner, f"?tenant={other.tenant_id}")[0] == 1
    assert "Theirs" not in owner.get(PAGE).content.decode()
    assert visitor(base.tenant, Role.EDITOR).get(PAGE).status_code == 403
    empty = visitor(make.tenant(), Role.OWNER).get(PAGE).content.decode()
    assert "Nothing yet. Make a knowledge base" in empty


@pytest.mark.django_db
def test_it_takes_as_many_queries_for_much_use_as_for_little(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(PAGE).status_code == 200
        return len(captured)

    first = make.knowledge_base()
    asked(first)
    admin_client.get(PAGE)
    little = queries()
    for _ in range(3):
        asked(make.knowledge_base(of=first.tenant))
    assert queries() == little


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Period(date(2026, 2, 14), TODAY, Step.DAY)),
        ({"first": "2026-03-01", "last": "2026-03-02"}, Period(date(2026, 3, 1), date(2026, 3, 2), Step.DAY)),
        ({"first": "1990-01-01"}, Period(date(2025, 3, 15), TODAY, Step.MONTH)),
        ({"first": "1990-01-01", "by": "day"}, Period(date(2025, 3, 15), TODAY, Step.MONTH)),
        ({"first": "2026-03-01", "by": "month"}, Period(date(2026, 3, 1), TODAY, Step.MONTH)),
        ({"first": "2026-04-01", "last": "x"}, Period(TODAY, TODAY, Step.DAY)),
        ({"first": "2026-02-31"}, Period(date(2026, 2, 14), TODAY, Step.DAY)),
    ],
)
def test_a_period_is_at_most_a_year_and_by_day_at_most_three_months(said: Any, expected: Period) -> None:
    assert period_of(said, today=TODAY) == expected


def test_a_period_is_cut_where_months_end() -> None:
    parts = Period.of(date(2025, 12, 30), date(2026, 2, 1)).by_month
    assert [(part.first, part.last) for part in parts] == [
        (date(2025, 12, 30), date(2025, 12, 31)), (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 1)),
    ]  # fmt: skip


def test_no_cell_is_a_formula() -> None:
    assert [cell(text) for text in ("Legal", "=1+1", "@x", "")] == ["Legal", "'=1+1", "'@x", ""]
