from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command

from apps.monitoring.analytics.changing import changed_at
from apps.monitoring.analytics.keeping import OF_TENANTS, erase
from apps.monitoring.analytics.schema.clustered import Cluster, clustered
from apps.monitoring.analytics.schema.migrating import AGED, Step, schema_migrate, schema_steps
from apps.monitoring.analytics.store import AnalyticsStore, lines_of
from apps.retrieval.events import ErasureDone
from ragsite.core.errors import ConfigurationError
from ragsite.stack.local import PROJECT_DIR

CLUSTER = Cluster("main", "reports")
ONE_SERVER = [
    (re.compile(r" ON CLUSTER main"), ""),
    (re.compile(r"Replicated(\w+)\('[^']+', '\{replica\}'(?:, (\w+))?\)"), r"\1(\2)"),
    (re.compile(r"(MergeTree)\(\)"), r"\1"),
    (re.compile(r"\breplicated_deduplication_window"), "non_replicated_deduplication_window"),
    (re.compile(r"Distributed\(main, (\w+), (\w+), .+\)"), r"Buffer(\1, \2, 1, 0, 0, 0, 0, 0, 0)"),
]
"""What a single engine without Keeper has in place of a cluster's parts: tables without replicas, and ones that hand rows on."""


def for_one_server(statement: str) -> str:
    for wanted, instead in ONE_SERVER:
        statement = wanted.sub(instead, statement)
    return statement


@pytest.fixture
def made() -> list[str]:
    return clustered(schema_steps(), CLUSTER)


def test_clickhouse_reads_each_statement_and_each_names_the_cluster(store: AnalyticsStore, made: list[str]) -> None:
    for statement in made:
        formatted = store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": statement})[0]["sql"]
        assert "ON CLUSTER main" in formatted
    keys = {re.search(r"replica\}'", one) is None for one in made if "Replicated" in one}
    assert keys == {False}


def test_a_clusters_tables_have_all_columns_and_do_what_those_of_one_server_do(
    store: AnalyticsStore, made: list[str]
) -> None:
    for statement in made:
        store.command(for_one_server(statement))
    columns = "SELECT database, table, groupArray((name, type)) AS told FROM system.columns GROUP BY database, table"
    found = {(row["database"], row["table"]): sorted(row["told"]) for row in store.rows(columns, {})}
    (usual,) = {database for database, table in found if table == "queries" and not database.startswith("reports")}
    tables = {table: told for (database, table), told in found.items() if database == usual}
    assert {
        table for table in tables if ("reports", table) not in found and ("reports_parts", table) not in found
    } == set()
    for (database, table), told in found.items():
        if database in ("reports", "reports_parts"):
            assert told == tables[table]
    tenant, query = uuid4(), uuid4()
    event = {
        "type": "query.processed", "id": str(uuid4()), "tenant": str(tenant), "sequence": 1, "time": "2026-11-01T12:00:00Z",
        "data": {"query_id": str(query), "found": True, "milliseconds": {"embed": 2.5}},
    }  # fmt: skip
    for token in ("one", "again"):
        store.insert("reports.told_queries", lines_of([event]), token=f"{tenant}{token}")
    asked = {"tenant": str(tenant)}
    kept = store.rows("SELECT query_id FROM reports.queries FINAL WHERE tenant = {tenant:UUID}", asked)
    assert [UUID(str(row["query_id"])) for row in kept] == [query]
    steps = store.rows("SELECT step, milliseconds FROM reports.query_steps FINAL WHERE tenant = {tenant:UUID}", asked)
    assert steps == [{"step": "embed", "milliseconds": 2.5}]


class Sharded:
    """A store whose tables are spread over shards; it notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "engine_full" in sql:
            name = parameters["name"]
            return [{"engine_full": f"Distributed('main', 'reports_parts', '{name}', cityHash64(tenant))"}]
        return [{"token": "t"}] if "generateUUIDv4" in sql else []

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self.told.append(sql)

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


def test_what_is_erased_and_what_grows_old_goes_from_the_parts_of_every_shard(store: AnalyticsStore) -> None:
    sharded = Sharded()
    erase(sharded, ErasureDone(tenant_id=uuid4(), erasure_id=uuid4(), subject="tenant", document_id=None, user_id=None))
    removed = [one.split(" WHERE")[0].removeprefix("DELETE FROM ") for one in sharded.told]
    assert removed == [f"reports_parts.{table} ON CLUSTER main" for table in OF_TENANTS]
    schema_migrate(sharded, days=30)
    ages = [one for one in sharded.told if one.startswith("ALTER")]
    assert [one.split(" MODIFY")[0] for one in ages] == [
        f"ALTER TABLE reports_parts.{table} ON CLUSTER main" for table in AGED
    ]
    for statement in sharded.told:
        store.rows("SELECT formatQuery({sql:String}) AS sql", {"sql": statement})
    assert changed_at(store, "queries") == "queries"


def test_a_statement_of_a_form_that_no_cluster_has_is_refused() -> None:
    step = Step(9, "0009_new", ("CREATE DICTIONARY names (id UInt64) PRIMARY KEY id",))
    with pytest.raises(ValueError, match="No cluster has what this makes: CREATE DICTIONARY"):
        clustered([step], CLUSTER)
    with pytest.raises(ConfigurationError, match="no name of a cluster"):
        Cluster("main; DROP")


def test_the_manual_shows_what_the_command_prints() -> None:
    out = io.StringIO()
    call_command("analytics", "cluster", "main", stdout=out)
    manual = (PROJECT_DIR / "docs" / "analytics.md").read_text()
    shown = re.findall(r"```sql\n(.*?)```", manual.partition("## On a cluster")[2], re.DOTALL)
    statements = [one for block in shown for one in block.strip().split(";\n\n") if "CREATE SETTINGS" not in one]
    assert len(statements) >= 5
    for statement in statements:
        assert statement.rstrip(";\n") in out.getvalue()
