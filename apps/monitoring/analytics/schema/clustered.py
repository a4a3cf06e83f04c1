"""The same tables for a cluster: parts that are replicated within each shard, and tables over them in which everything is asked.

Made of the files of SQL, so no column can be forgotten. Every row of a tenant is in one shard: what replaces itself meets there,
a view of rows fills a table beside them, and a report that looks into two tables finds both in the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from apps.monitoring.analytics.schema.migrating import STATE, Step
from apps.monitoring.analytics.store import DATABASE
from ragsite.core.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) (.*)\bENGINE = (\w*MergeTree|Null)(?:\((\w+)\))?(.*)", re.DOTALL)
_VIEW = re.compile(r"CREATE MATERIALIZED VIEW IF NOT EXISTS (\w+) TO (\w+) AS\s+(.*\bFROM (\w+)\b.*)", re.DOTALL)
_WINDOW = ("non_replicated_deduplication_window", "replicated_deduplication_window")
BY_TENANT, BY_EVENT, BY_NAME = "cityHash64(tenant)", "cityHash64(event_id)", "cityHash64(name)"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster as the servers' configuration names it, the database that CLICKHOUSE_URL names, and that of the parts."""

    name: str
    database: str = DATABASE

    def __post_init__(self) -> None:
        """Raises ConfigurationError: one of the names is none."""
        for name in (self.name, self.database):
            if not _NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{name!r} is no name of a cluster or database.", action="Use letters, digits and _."
                )

    @property
    def parts(self) -> str:
        return f"{self.database}_parts"


def clustered(steps: list[Step], cluster: Cluster) -> list[str]:
    """The statements that make all tables, in their order; each may be said again.

    Raises:
        ValueError: a statement of the files is of no known form.
    """
    databases = [
        f"CREATE DATABASE IF NOT EXISTS {one} ON CLUSTER {cluster.name}" for one in (cluster.database, cluster.parts)
    ]
    tables = [one for statement in (STATE.strip(), *_statements(steps)) for one in _clustered(statement, cluster)]
    return [*databases, *tables]


def _statements(steps: list[Step]) -> Iterator[str]:
    for step in steps:
        yield from step.statements


def _clustered(statement: str, cluster: Cluster) -> Iterator[str]:
    if (view := _VIEW.fullmatch(statement)) is not None:
        yield _view(view, cluster)
        return
    table = _TABLE.fullmatch(statement)
    if table is None:
        raise ValueError(f"No cluster has what this makes: {statement[:80]}")
    name, columns, engine, version, rest = table.groups()
    if engine == "Null":
        yield f"CREATE TABLE IF NOT EXISTS {cluster.database}.{name} ON CLUSTER {cluster.name} {columns}ENGINE = Null{rest}"
        return
    place = f"'/clickhouse/tables/{{shard}}/{cluster.database}/{name}', '{{replica}}'" + (
        f", {version}" if version else ""
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {cluster.parts}.{name} ON CLUSTER {cluster.name} {columns}"
        f"ENGINE = Replicated{engine}({place}){rest.replace(*_WINDOW)}"
    )
    yield (
        f"CREATE TABLE IF NOT EXISTS {cluster.database}.{name} ON CLUSTER {cluster.name} AS {cluster.parts}.{name}\n"
        f"ENGINE = Distributed({cluster.name}, {cluster.parts}, {name}, {_key(columns)})"
    )


def _key(columns: str) -> str:
    if re.search(r"\btenant UUID\b", columns):
        return BY_TENANT
    return BY_EVENT if "event_id" in columns else BY_NAME


def _view(view: re.Match[str], cluster: Cluster) -> str:
    """Of events, which any server is given, into the tables over all shards; of facts into those beside them."""
    name, target, query, source = view.groups()
    place = cluster.database if source.startswith("told_") else cluster.parts
    placed = re.sub(rf"\bFROM {source}\b", f"FROM {place}.{source}", query)
    return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {place}.{name} ON CLUSTER {cluster.name} TO {place}.{target} AS\n{placed}"
