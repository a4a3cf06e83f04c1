"""Reports are shown to who looks after a tenant: of that tenant, and with the words of what else the user may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.documents.models import DocumentVersion
from apps.monitoring.analytics import api, opening
from apps.monitoring.analytics.reports.answers import Quality, UnansweredQuery
from apps.monitoring.analytics.store import AnalyticsUnavailableError, Row
from apps.monitoring.analytics.telling import questions_together
from apps.monitoring.operations import reports
from apps.monitoring.operations.report_charts import found_chart
from apps.retrieval.models import Query
from ragsite.core.ids import new_id
from ragsite.gateway.models import Permission, Role
from tests import factories as make

PAGE = "/admin/reports/"
API = "/api/v1/analytics/"
NOW = datetime.now(UTC)
QUOTE = "The harbour has 42 berths for guests."


class Standing:
    """A store that gives rows by a word of the query, and notes what it was asked with."""

    def __init__(self, given: Mapping[str, Sequence[Row]]) -> None:
        self._given, self.asked = given, list[Mapping[str, Any]]()

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        self.asked.append(parameters)
        return next((list(rows) for word, rows in self._given.items() if word in sql), [])


@pytest.fixture
def version(db: None) -> DocumentVersion:
    return make.ready_version()


def stand(monkeypatch: pytest.MonkeyPatch, version: DocumentVersion) -> Standing:
    """ClickHouse, as it tells of the version's tenant."""
    document, base = version.document, version.document.knowledge_base
    query = Query.objects.create(tenant=document.tenant, asked_by="ada", question="Where is the moon?")
    start = version.parsed.text.index(QUOTE)
    store = Standing({
        "WITH unanswered": [
            {"query_id": query.pk, "at": NOW, "generator": "x", "passages": 3, "best_score": 0.1},
            {"query_id": new_id(), "at": NOW, "generator": "x", "passages": 3, "best_score": None},
        ],
        "NOT IN (\n          SELECT document_id FROM passages_cited": [
            {"document_id": document.pk, "knowledge_base": base.pk, "added_at": NOW},
            {"document_id": new_id(), "knowledge_base": base.pk, "added_at": NOW},
        ],
        "uniqExactMerge(queries) AS questions": [{
            "knowledge_base": base.pk, "document_id": document.pk, "version_id": version.pk, "start": start,
            "end": start + len(QUOTE), "questions": 7, "last_day": NOW.date(),
        }],
        "AS rated_up": [{
            "step": NOW.date(), "knowledge_base": base.pk, "questions": 4, "found": 3, "statements": 8, "supported": 6,
            "citations": 5, "rated_up": 1, "rated_down": 0,
        }],
        "quantileExact(0.99)": [
            {"step": "generate", "times": 4, "milliseconds": 4000.0, "p50": 900.0, "p95": 1500.0, "p99": 1600.0}
        ],
        "milliseconds_saved": [
            {"step": NOW.date(), "answers": 4, "from_cache": 1, "milliseconds_saved": 1500.0, "tokens_saved": 90}
        ],
        "stage_times": [{
            "knowledge_base": base.pk, "stage": "embed", "versions": 2, "waited_p50": 100.0, "waited_p95": 2000.0,
            "waited_longest": 3000.0, "worked_p50": 50.0, "worked_p95": 60.0,
        }],
    })  # fmt: skip
    for where in (reports, api):
        monkeypatch.setattr(where, "store_for_reading", lambda: store)
    return store


def test_owners_see_all_reports_of_their_tenant_and_operators_those_that_name_nothing(
    version: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, store = version.document.tenant, stand(monkeypatch, version)
    texts = {}
    for role in (Role.OWNER, Role.OPERATOR):
        client = Client()
        client.force_login(make.member(tenant, role))
        page = client.get(PAGE)
        assert page.status_code == 200
        texts[role] = page.content.decode()
    for text in texts.values():
        assert "Write the answer" in text
        assert "Meaning computed" in text
        assert version.document.knowledge_base.name in text
    assert "2 questions that found nothing are not shown" in texts[Role.OWNER], "a role shows one's own alone"
    assert version.document.title in texts[Role.OWNER]
    assert QUOTE in texts[Role.OWNER]
    for words in ("questions that found nothing", version.document.title, QUOTE):
        assert words not in texts[Role.OPERATOR]
    assert "Where is the moon?" not in "".join(texts.values())
    assert {one["tenant"] for one in store.asked} == {str(tenant.pk)}


def test_who_may_see_all_questions_reads_those_that_found_nothing(
    admin_client: Client, version: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(monkeypatch, version)
    text = admin_client.get(f"{PAGE}?tenant={version.document.tenant_id}&days=90").content.decode()
    assert "Where is the moon?" in text
    assert "One question that found nothing is not shown" in text


def test_another_tenant_is_not_asked_for_and_readers_get_no_page(
    version: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, client = stand(monkeypatch, version), Client()
    mine = make.tenant()
    client.force_login(make.member(mine, Role.OWNER))
    page = client.get(f"{PAGE}?tenant={version.document.tenant_id}")
    assert {one["tenant"] for one in store.asked} == {str(mine.pk)}
    assert version.document.title not in page.content.decode()
    client.force_login(make.member(mine, Role.READER))
    assert client.get(PAGE).status_code == 403


def test_without_clickhouse_page_and_api_say_so_and_what_mends_it(admin_client: Client, settings: Any) -> None:
    tenant = make.tenant()
    settings.RAGSITE_CLICKHOUSE_URL = ""
    assert "none is set up" in admin_client.get(PAGE).content.decode()
    refused = make.client(tenant).get(f"{API}quality/")
    assert (refused.status_code, refused.json()["code"]) == (503, "analytics_off")
    assert "CLICKHOUSE_URL" in refused.json()["detail"]
    settings.RAGSITE_CLICKHOUSE_URL = "http://127.0.0.1:9"
    opening._opened.clear()
    refused = make.client(tenant).get(f"{API}quality/")
    assert (refused.status_code, refused.json()["code"]) == (503, "analytics_unavailable")


def test_keys_are_told_of_their_tenant_and_of_what_they_may_read(
    version: DocumentVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, base = version.document.tenant, version.document.knowledge_base
    store, (key, client) = stand(monkeypatch, version), make.keyed(tenant)
    assert client.get(f"{API}unanswered-questions/").json()["questions"] == []
    Query.objects.update(api_key=key)
    (question,) = client.get(f"{API}unanswered-questions/").json()["questions"]
    assert (question["question"], question["times"]) == ("Where is the moon?", 1)
    (passage,) = client.get(f"{API}cited-passages/").json()["passages"]
    assert (passage["text"], passage["document"]["id"]) == (QUOTE, str(version.document_id))
    assert [one["document"]["id"] for one in client.get(f"{API}uncited-documents/").json()["documents"]] == [
        str(version.document_id)
    ]
    for report, rows in (("quality", "rows"), ("cache", "rows"), ("costs", "steps"), ("waiting", "stages")):
        assert len(client.get(f"{API}{report}/?since=2026-01-01&until=2026-01-31").json()[rows]) == 1
    assert {one["every_base"] for one in store.asked} == {1}
    worker = make.client(tenant, Permission.WORK)
    assert worker.get(f"{API}waiting/").status_code == 200
    assert (store.asked[-1]["every_base"], store.asked[-1]["bases"]) == (0, [str(base.pk)])
    assert worker.get(f"{API}unanswered-questions/").status_code == 403
    stranger = make.client(make.tenant())
    assert stranger.get(f"{API}quality/?knowledge_base={base.pk}").status_code == 404
    assert stranger.get(f"{API}cited-passages/").json()["passages"] == []
    assert client.get(f"{API}costs/?since=2026-02-01&until=2026-01-01").status_code == 422


def test_a_question_counts_once_however_it_is_written() -> None:
    ids = [new_id() for _ in range(4)]
    found = [UnansweredQuery(pk, NOW, "x", number, None) for number, pk in enumerate(ids)]
    texts = {ids[0]: "Where?", ids[1]: "  where ", ids[2]: "When?"}
    assert [(one.question, one.times) for one in questions_together(found, texts)] == [("Where?", 2), ("When?", 1)]


def test_a_chart_names_no_knowledge_base_that_has_no_name_here() -> None:
    base, hidden = (UUID(int=number) for number in (1, 2))
    day = date(2026, 3, 1)
    quality = [Quality(day, one, 4, 3, 0, 0, 0, 0, 0) for one in (base, hidden)]
    chart = found_chart(quality, {base: "Harbour"}, [day, date(2026, 3, 2)])
    assert chart is not None
    assert chart.said == "Questions that found an answer. Harbour: 3 of 4."
    assert '"data": [75.0, null]' in chart.data
    assert found_chart(quality, {}, [day]) is None


def test_an_engine_that_is_away_is_no_server_error(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise AnalyticsUnavailableError("ClickHouse does not answer: refused")

    make.tenant()
    monkeypatch.setattr(reports, "store_for_reading", away)
    page = admin_client.get(PAGE)
    assert page.status_code == 200
    assert "ClickHouse does not answer" in page.content.decode()
