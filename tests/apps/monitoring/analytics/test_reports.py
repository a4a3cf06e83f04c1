from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import pytest

from apps.monitoring.analytics.facts import FACTS, Told
from apps.monitoring.analytics.keeping import erase, told_keep
from apps.monitoring.analytics.reports import answers, documents
from apps.monitoring.analytics.reports.answers import CacheWorth, ModelCost, Quality, StepCost
from apps.monitoring.analytics.reports.scope import By, ReportScope
from apps.monitoring.analytics.schema.migrating import AGED, schema_missing
from apps.monitoring.analytics.store import AnalyticsRowError, AnalyticsStore
from apps.retrieval.events import ErasureDone
from ragsite.core.errors import PermanentError
from ragsite.core.ids import new_id
from tests.apps.monitoring.analytics.happening import TODAY, added, asked, deleted, rated, span

pytestmark = [pytest.mark.servers]


def keep(store: AnalyticsStore, events: Iterable[Told]) -> None:
    told_keep(store, events)


def scope(tenant: UUID, *bases: UUID, days: int = 30) -> ReportScope:
    last = TODAY.date()
    return ReportScope(tenant, last - timedelta(days=days - 1), last, frozenset(bases) if bases else None)


def test_a_repeat_counts_once_whichever_way_it_comes_and_however_often(store: AnalyticsStore) -> None:
    tenant, base, document = new_id(), new_id(), new_id()
    events = asked(tenant, base, span(base, document)) + added(tenant, base, document)
    keep(store, events)
    keep(store, events)
    for one in events:
        keep(store, [one, *asked(new_id(), base)])
    filled_in = [Told(one.event, new_id(), one.at, 0) for one in events]
    keep(store, filled_in)
    of_tenant = scope(tenant)
    (passage,) = documents.passages_cited_most(store, of_tenant, most=5)
    assert passage.questions == 1
    assert [one.times for one in answers.step_costs(store, of_tenant)] == [1, 1]
    assert [one.versions for one in documents.stages_waited_for(store, of_tenant)] == [1, 1]
    assert answers.model_costs(store, of_tenant) == [ModelCost("local", "small", 1, 1000, 50)]


def test_reports_tell_of_one_tenant_and_of_the_knowledge_bases_that_are_asked_for(store: AnalyticsStore) -> None:
    tenant, mine, hidden, other = new_id(), new_id(), new_id(), new_id()
    keep(store, asked(tenant, mine, span(mine, new_id())) + asked(tenant, hidden) + asked(other, mine))
    keep(store, [*added(tenant, hidden, new_id()), *added(other, mine, new_id())])
    assert [one.questions for one in answers.quality_by_base(store, scope(tenant), by=By.DAY)] == [1, 1]
    assert [one.knowledge_base for one in answers.quality_by_base(store, scope(tenant, mine), by=By.DAY)] == [mine]
    assert answers.queries_unanswered(store, scope(tenant, mine), most=5) == []
    assert len(answers.queries_unanswered(store, scope(tenant), most=5)) == 1
    assert documents.documents_never_cited(store, scope(tenant, mine), most=5) == []
    assert documents.stages_waited_for(store, scope(tenant, mine)) == []
    assert [one.answers for one in answers.cache_worth(store, scope(tenant, hidden), by=By.DAY)] == [1]


def test_quality_has_the_last_rating_and_what_is_borne_out(store: AnalyticsStore) -> None:
    tenant, base, query = new_id(), new_id(), new_id()
    document = new_id()
    events = [*asked(tenant, base, span(base, document), query=query), *asked(tenant, base)]
    keep(store, [*events, *reversed(rated(tenant, query, "up", None, "down"))])
    assert answers.quality_by_base(store, scope(tenant), by=By.MONTH) == [
        Quality(TODAY.date().replace(day=1), base, 2, 1, 4, 2, 1, 0, 1)
    ]


def test_costs_leave_out_what_the_cache_gave_and_the_cache_says_what_it_saved(store: AnalyticsStore) -> None:
    tenant, base = new_id(), new_id()
    made = [one for took in (100.0, 200.0, 300.0) for one in asked(tenant, base, generate=took)]
    keep(store, made + asked(tenant, base, generate=200.0, from_cache=True))
    generate, embed = answers.step_costs(store, scope(tenant))
    assert generate == StepCost("generate", 3, 600.0, 200.0, 300.0, 300.0)
    assert (embed.step, embed.times) == ("embed", 3)
    assert answers.cache_worth(store, scope(tenant), by=By.DAY) == [CacheWorth(TODAY.date(), 4, 1, 205.0, 1050)]


def test_a_document_is_never_cited_as_long_as_no_answer_of_the_days_rests_on_it(store: AnalyticsStore) -> None:
    tenant, base = new_id(), new_id()
    old, cited, long_ago, gone, erased = (new_id() for _ in range(5))
    for number, one in enumerate((old, cited, long_ago, gone, erased)):
        keep(store, added(tenant, base, one, days_ago=9 - number))
    keep(store, asked(tenant, base, span(base, cited), span(base, cited, 50, 60)))
    keep(store, [*asked(tenant, base, span(base, long_ago), days_ago=40), deleted(tenant, base, gone)])
    done = ErasureDone(tenant_id=tenant, erasure_id=new_id(), subject="document", document_id=erased, user_id=None)
    erase(store, done)
    keep(store, added(tenant, base, erased))
    found = documents.documents_never_cited(store, scope(tenant), most=5)
    assert [one.document_id for one in found] == [old, long_ago]
    assert found[0].added_at == TODAY - timedelta(days=9)


def test_what_was_erased_is_in_no_table(store: AnalyticsStore) -> None:
    tenant, base, document = new_id(), new_id(), new_id()
    keep(store, asked(tenant, base, span(base, document)) + added(tenant, base, document))
    about = {"tenant_id": tenant, "erasure_id": new_id(), "user_id": None}
    erase(store, ErasureDone(**about, subject="document", document_id=document))
    assert documents.passages_cited_most(store, scope(tenant), most=5) == []
    assert documents.stages_waited_for(store, scope(tenant)) == []
    assert len(answers.model_costs(store, scope(tenant))) == 1
    erase(store, ErasureDone(**about, subject="tenant", document_id=None))
    assert answers.model_costs(store, scope(tenant)) == answers.step_costs(store, scope(tenant)) == []


def test_the_longest_waits_come_first(store: AnalyticsStore) -> None:
    tenant, base, other = new_id(), new_id(), new_id()
    keep(store, [*added(tenant, base, new_id(), waited=100.0), *added(tenant, other, new_id(), waited=900.0)])
    waits = documents.stages_waited_for(store, scope(tenant))
    assert [(one.knowledge_base, one.stage, one.waited_longest) for one in waits] == [
        (other, "embed", 1800.0), (other, "parse", 900.0), (base, "embed", 200.0), (base, "parse", 100.0),
    ]  # fmt: skip


def test_a_row_that_does_not_fit_is_refused_for_good_and_nothing_of_its_batch_is_there(store: AnalyticsStore) -> None:
    tenant = new_id()
    lines = f'{{"tenant":"{tenant}","query_id":"{new_id()}","at":"{TODAY.isoformat()}"}}\n'.encode()
    with pytest.raises(AnalyticsRowError):
        store.insert("queries", lines + b'{"tenant":"nobody"}\n', token=str(new_id()))
    found = store.rows("SELECT count() AS n FROM queries WHERE tenant = {tenant:UUID}", {"tenant": str(tenant)})
    assert found[0]["n"] == 0


def test_every_table_that_facts_go_to_is_there_and_goes_after_a_while(store: AnalyticsStore) -> None:
    assert schema_missing(store) == []
    kept = {row["name"]: row["engine_full"] for row in store.rows("SELECT name, engine_full FROM system.tables WHERE "
        "database = currentDatabase()", {})}  # fmt: skip
    assert all("TTL" in kept[table] and "toIntervalDay(400)" in kept[table] for table in AGED)
    assert {"document.created", "query.processed", "model.loaded"} <= {cls.type for cls in FACTS}


def test_days_that_make_no_period_are_refused() -> None:
    for days in (0, 367):
        with pytest.raises(PermanentError) as refused:
            scope(new_id(), days=days)
        assert "Ask for 1 to 366 days" in refused.value.sentence
