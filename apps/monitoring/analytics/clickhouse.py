"""ClickHouse by the official client: a server by HTTP, or the engine within this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from apps.monitoring.analytics.store import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    DATABASE,
    AnalyticsRowError,
    AnalyticsUnavailableError,
    Row,
)
from ragsite.core.errors import ConfigurationError

Result = TypeVar("Result")

UNREADABLE = frozenset({6, 26, 27, 38, 41, 53, 72, 117, 131, 376, 469})
"""ClickHouse's codes for a value that is not of its column's type, or that a constraint forbids; every other refusal may end."""

INSERTING = {
    "date_time_input_format": "best_effort",
    # What a killed server had added, and its views not yet, is added to these when the same rows come again.
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    # Tables name the attributes and fields of an event that facts are made of, of all events that they take.
    "input_format_skip_unknown_fields": "1",
    "input_format_json_ignore_unknown_keys_in_named_tuple": "1",
    "input_format_json_defaults_for_missing_elements_in_named_tuple": "1",
    # One core that is busy for a moment costs less than several that share a batch.
    "input_format_parallel_parsing": "0",
    "max_threads": "1",
}


class ClickHouseStore:
    """ClickHouse by a client. Several threads may use it at once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        settings = INSERTING | {"insert_deduplication_token": token}
        self._asked(
            lambda: self._client.raw_insert(table, insert_block=lines, fmt="JSONEachRow", settings=settings),
            inserting=True,
        )

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._asked(lambda: list(self._client.query(sql, parameters=dict(parameters)).named_results()))

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self._asked(lambda: self._client.command(sql, parameters=dict(parameters) or None))

    def close(self) -> None:
        self._client.close()

    def _asked(self, ask: Callable[[], Result], *, inserting: bool = False) -> Result:
        try:
            return ask()
        except ClickHouseError as error:
            said = " ".join(str(error).split())[:500]
            if inserting and getattr(error, "code", None) in UNREADABLE:
                raise AnalyticsRowError(f"ClickHouse can't read a row: {said}") from error
            raise AnalyticsUnavailableError(f"ClickHouse did not do it: {said}") from error


def server_store(url: str, *, certificates: str) -> ClickHouseStore:
    """The server at an address such as `https://user:password@host:8443/database`; the database is made if it is missing.

    Raises:
        AnalyticsUnavailableError: it does not answer.
    """
    parts = urlsplit(url)
    database = parts.path.strip("/") or DATABASE
    secure = parts.scheme == "https"
    try:
        client = clickhouse_connect.get_client(
            host=parts.hostname or "",
            port=parts.port or (8443 if secure else 8123),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            ca_cert=certificates if secure and certificates else None,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            # Sessions let one request at a time through.
            autogenerate_session_id=False,
            client_name="ragsite",
        )
    except ClickHouseError as error:
        raise AnalyticsUnavailableError(f"ClickHouse does not answer: {' '.join(str(error).split())[:500]}") from error
    return _using(client, database)


def engine_store(folder: Path) -> ClickHouseStore:
    """The engine in this process, which must be the only one with this folder.

    Raises:
        ConfigurationError: it is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    except ImportError as error:
        raise ConfigurationError(
            "The engine that CLICKHOUSE_URL=embedded means is not installed.",
            action="Install it: pip install --requirement requirements/analytics.in; or name a server.",
        ) from error
    except ClickHouseError as error:
        raise AnalyticsUnavailableError(f"The engine did not start: {' '.join(str(error).split())[:500]}") from error
    return _using(client, DATABASE)


def _using(client: Client, database: str) -> ClickHouseStore:
    store = ClickHouseStore(client)
    if not store.rows("SELECT name FROM system.databases WHERE name = {name:String}", {"name": database}):
        store.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    client.database = database
    return store
