from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document
from apps.monitoring.analytics import backfill as filling
from apps.monitoring.analytics.backfill import PARTS, backfill
from apps.monitoring.analytics.facts import Told
from apps.monitoring.analytics.filling import analytics_fill
from apps.monitoring.analytics.keeping import told_keep
from apps.monitoring.analytics.reports import answers, documents
from apps.monitoring.analytics.reports.scope import By, ReportScope
from apps.monitoring.analytics.store import AnalyticsStore, AnalyticsUnavailableError
from apps.retrieval.models import Answer
from ragsite.core.audit.models import AuditEntry
from ragsite.core.events import event_decode, name_split
from ragsite.core.models import OutboxEvent, Walk
from ragsite.gateway.models import Permission, Tenant
from tests import factories as make
from tests import turns

pytestmark = [pytest.mark.servers, pytest.mark.django_db]
QUESTION = "How many berths for guests has the harbour?"


class Away:
    """A store that is away after so many inserts."""

    def __init__(self, store: AnalyticsStore, inserts: int) -> None:
        self._store, self._left = store, inserts

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        if self._left == 0:
            raise AnalyticsUnavailableError("It is away.")
        self._left -= 1
        self._store.insert(table, lines, token=token)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        return self._store.rows(sql, parameters)

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self._store.command(sql, parameters)

    def close(self) -> None:
        """It is the session's."""


@pytest.fixture
def tenant() -> Tenant:
    """Two documents answer, one failed; of three questions two found an answer, and one of these was rated."""
    base = make.knowledge_base()
    client = make.client(base.tenant)
    for _ in range(2):
        make.ready_version(base)
    make.upload(base, make.BROKEN_PDF, filename="broken.pdf")
    make.run_stages()
    asked = [ask(client, question) for question in (QUESTION, QUESTION, "Who walked on the moon?")]
    client.put(f"/api/v1/answers/{asked[0]}/feedback", {"rating": "up"}, content_type="application/json")
    return base.tenant


def ask(client: Client, question: str) -> str:
    answered = client.post("/api/v1/ask", {"question": question}, content_type="application/json")
    return str(answered.json()["id"])


def fill(store: AnalyticsStore) -> dict[str, int]:
    done: dict[str, int] = dict.fromkeys([part.name for part in PARTS], 0)

    def said(name: str, rows: int) -> None:
        done[name] += rows

    assert backfill(store, turns.long(), said=said) is False
    return done


def consume(store: AnalyticsStore, tenant: Tenant) -> None:
    """All events of the tenant, as they come from Kafka."""
    told = [
        Told(event_decode(*name_split(row.type), row.payload, tenant_id=row.tenant_id), row.event_id, row.created_at, row.pk)
        for row in OutboxEvent.objects.filter(tenant_id=tenant.pk)
    ]  # fmt: skip
    told_keep(store, told)


def totals(store: AnalyticsStore, tenant: Tenant) -> dict[str, Any]:
    days = sorted(Answer.objects.values_list("created_at", flat=True))
    scope = ReportScope(tenant.pk, days[0].date(), days[-1].date())
    (quality,) = answers.quality_by_base(store, scope, by=By.MONTH)
    return {
        "asked": (quality.questions, quality.found, quality.rated_up, quality.citations),
        "steps": {one.step: one.times for one in answers.step_costs(store, scope)},
        "cited": [(one.document_id, one.questions) for one in documents.passages_cited_most(store, scope, most=9)],
        "uncited": [one.document_id for one in documents.documents_never_cited(store, scope, most=9)],
        "waits": sorted((one.stage, one.versions) for one in documents.stages_waited_for(store, scope)),
    }


def test_what_is_filled_in_equals_what_events_told_and_both_together_count_once(
    store: AnalyticsStore, tenant: Tenant
) -> None:
    assert fill(store) == {"documents": 3, "versions": 3, "answers": 3, "ratings": 1}
    filled_in = totals(store, tenant)
    found = Answer.objects.filter(found=True)
    assert filled_in["asked"] == (3, found.count(), 1, sum(one.citation_count for one in found))
    assert filled_in["waits"] == [(stage, 2) for stage in ("activate", "chunk", "embed", "parse")]
    assert len(filled_in["uncited"]) + len({document for document, _ in filled_in["cited"]}) == 2
    consume(store, tenant)
    assert totals(store, tenant) == filled_in
    assert fill(store)["answers"] == 3, "a second run tells of all again"
    assert totals(store, tenant) == filled_in


def test_one_that_was_interrupted_goes_on_where_it_stopped(
    store: AnalyticsStore, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAGE", 1)
    with pytest.raises(AnalyticsUnavailableError):
        fill(Away(store, inserts=2))  # type: ignore[arg-type]  # it is one
    first, second, third = Document.objects.order_by("pk").values_list("pk", flat=True)
    assert Walk.objects.get(name="analytics-documents").position == str(second)
    assert list(PARTS[0].waiting()) == [Document.objects.get(pk=third)]
    assert first < second
    assert fill(store) == {"documents": 1, "versions": 3, "answers": 3, "ratings": 1}
    assert totals(store, tenant)["asked"][0] == 3


def test_a_tenant_has_its_own_rows_filled_in_by_a_job(
    store: AnalyticsStore, tenant: Tenant, settings: Any, engine_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAGE", 2)
    other = make.ready_version().document.tenant
    client, url = make.client(tenant, Permission.WORK), "/api/v1/analytics/filling/"
    assert client.post(url).json()["code"] == "analytics_off"
    settings.RAGSITE_CLICKHOUSE_URL, settings.RAGSITE_DATA_DIR = "embedded", engine_folder
    assert client.get(url).json() == {"is_under_way": False, "part": "", "is_held_up": False, "as_of": None}
    asked = client.post(url)
    assert (asked.status_code, asked.json()["part"]) == (202, "documents")
    assert client.post(url).json() == asked.json(), "one that is under way goes on"
    assert analytics_fill(turns.short(2)) is True
    assert client.get(url).json()["part"] == "versions"
    assert analytics_fill(turns.long()) is False
    assert client.get(url).json()["is_under_way"] is False
    assert totals(store, tenant)["asked"][0] == 3
    of_other = {"tenant": str(other.pk)}
    assert store.rows("SELECT document_id FROM ingestion WHERE tenant = {tenant:UUID}", of_other) == []
    assert AuditEntry.objects.filter(action="analytics.filled", tenant_id=tenant.pk).count() == 1
