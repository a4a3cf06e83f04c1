"""What keeps events for reports: batches of them go to ClickHouse as they came, and what was erased goes there as well."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from apps.monitoring.analytics.changing import changed_at
from apps.monitoring.analytics.facts import FACTS, TABLES
from apps.monitoring.analytics.store import AnalyticsStore
from apps.retrieval.events import ErasureDone
from ragsite.core.consuming.messages import Received

NAME = "analytics"
BATCH, GATHER_SECONDS = 20_000, 3.0
"""Each insert makes a file of each table that is written and merged: few large batches cost a fraction of many small ones."""
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
            AnalyticsRowError: an event is not as it must be.
        """
        told_keep(self._store, (one for one in batch if one.name != ErasureDone.name))
        for one in batch:
            if one.name == ErasureDone.name and isinstance(erased := one.event, ErasureDone):
                erase(self._store, erased)


class Tellable(Protocol):
    """An event by its name, and as it stands in Kafka."""

    @property
    def name(self) -> str: ...

    @property
    def body(self) -> bytes: ...


def told_keep(store: AnalyticsStore, events: Iterable[Tellable]) -> None:
    """Keep the facts of events, those of each table together.

    Batches are known by their bytes: the same one again, after a server was killed, is dropped by it. Where their events stood
    would not do: a broker that lost its memory counts from 0 again.
    """
    tables: dict[str, list[bytes]] = defaultdict(list)
    for one in events:
        tables[TABLES[one.name]].append(one.body)
    for table, bodies in tables.items():
        lines = b"\n".join(bodies)
        store.insert(table, lines, token=hashlib.sha256(lines).hexdigest())


def erase(store: AnalyticsStore, erased: ErasureDone) -> None:
    """Remove what is kept of a document or a tenant. Of people nothing is kept: questions are known by their ids."""
    tenant = str(erased.tenant_id)
    if erased.subject == "tenant":
        for table in OF_TENANTS:
            store.command(f"DELETE FROM {changed_at(store, table)} WHERE tenant = {{tenant:UUID}}", {"tenant": tenant})  # noqa: S608 - a name of ours
    elif erased.document_id is not None:
        _document_erase(store, erased.tenant_id, erased.document_id)


def _document_erase(store: AnalyticsStore, tenant_id: UUID, document_id: UUID) -> None:
    whose = {"tenant": str(tenant_id), "document": str(document_id)}
    store.command(
        "INSERT INTO erased SELECT {tenant:UUID} AS tenant, {document:UUID} AS document_id, now64(6) AS at", whose
    )
    for table in OF_DOCUMENTS:
        wanted = "tenant = {tenant:UUID} AND document_id = {document:UUID}"
        store.command(f"DELETE FROM {changed_at(store, table)} WHERE {wanted}", whose)  # noqa: S608 - names of ours
