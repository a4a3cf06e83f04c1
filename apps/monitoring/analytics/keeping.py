"""What keeps events for reports: batches of facts, table by table, and what was erased goes here as well."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from apps.monitoring.analytics.facts import FACTS, Fact, Told, facts_of
from apps.monitoring.analytics.store import AnalyticsStore, Row, lines_of
from apps.retrieval.events import ErasureDone
from ragsite.core.consuming.messages import Received

NAME = "analytics"
OF_TENANTS = (
    "queries", "retrievals", "generations", "citations", "ratings", "ingestion", "query_steps", "stage_times",
    "passages_cited", "erased",
)  # fmt: skip
OF_DOCUMENTS = ("citations", "ingestion", "stage_times", "passages_cited")


class Keeper:
    """The consumer of events for reports. Repeats replace what they repeat, so it needs no inbox."""

    name = NAME
    topics = frozenset(cls.topic for cls in FACTS) | {ErasureDone.topic}
    types = frozenset(cls.type for cls in FACTS) | {ErasureDone.type}

    def __init__(self, store: AnalyticsStore) -> None:
        self._store = store

    def take(self, batch: Sequence[Received]) -> None:
        """Keep the facts, and erase what was erased.

        Raises:
            AnalyticsUnavailableError: ClickHouse is away; what was kept of the batch is kept again without harm.
            AnalyticsRowError: a row does not fit.
        """
        told = (Told(one.event, one.event_id, one.at, one.sequence) for one in batch)
        facts_keep(self._store, (fact for one in told for fact in facts_of(one)))
        for one in batch:
            if isinstance(one.event, ErasureDone):
                erase(self._store, one.event)


def facts_keep(store: AnalyticsStore, facts: Iterable[Fact]) -> int:
    """Add the facts, each table's together; how many there were.

    Rows are known by their bytes: the same ones again, after a server was killed, are dropped by it. Where their events stood
    would not do: a broker that lost its memory counts from 0 again.
    """
    tables: dict[str, list[Row]] = defaultdict(list)
    for fact in facts:
        tables[fact.table].append(fact.row)
    for table, rows in tables.items():
        lines = lines_of(rows)
        store.insert(table, lines, token=hashlib.sha256(lines).hexdigest())
    return sum(map(len, tables.values()))


def erase(store: AnalyticsStore, erased: ErasureDone) -> None:
    """Remove what is kept of a document or a tenant. Of people nothing is kept: questions are known by their ids."""
    tenant = str(erased.tenant_id)
    if erased.subject == "tenant":
        for table in OF_TENANTS:
            store.command(f"DELETE FROM {table} WHERE tenant = {{tenant:UUID}}", {"tenant": tenant})  # noqa: S608 - a name of ours
    elif erased.document_id is not None:
        _document_erase(store, erased.tenant_id, erased.document_id)


def _document_erase(store: AnalyticsStore, tenant_id: UUID, document_id: UUID) -> None:
    whose = {"tenant": str(tenant_id), "document": str(document_id)}
    store.command(
        "INSERT INTO erased SELECT {tenant:UUID} AS tenant, {document:UUID} AS document_id, now64(6) AS at", whose
    )
    for table in OF_DOCUMENTS:
        wanted = "tenant = {tenant:UUID} AND document_id = {document:UUID}"
        store.command(f"DELETE FROM {table} WHERE {wanted}", whose)  # noqa: S608 - names of ours
