"""The door to ClickHouse: rows go in as lines of JSON, and come out as mappings. Who opens it does not see which one it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic_core import to_json

from ragsite.core.errors import ConfigurationError, PermanentError, ServiceUnavailableError

Row = Mapping[str, Any]
DATABASE = "ragsite"
CONNECT_SECONDS, ANSWER_SECONDS = 3, 60


class AnalyticsOffError(ConfigurationError):
    """No ClickHouse is set up; seen by who asks for a report, or starts what fills it."""

    code = "analytics_off"
    status = 503
    action = "Set CLICKHOUSE_URL to a server's address, or to `embedded`; see docs/analytics.md."


class AnalyticsUnavailableError(ServiceUnavailableError):
    """ClickHouse is set up and does not answer, or refuses for now; seen by who asks for a report."""

    code = "analytics_unavailable"
    action = (
        "Reports are back once ClickHouse answers; nothing is lost meanwhile. `manage.py analytics status` says more."
    )


class AnalyticsRowError(PermanentError):
    """ClickHouse can't read a row; seen by a consumer, which lays the event aside."""

    code = "invalid_row"


class AnalyticsStore(Protocol):
    """ClickHouse, wherever it is. Each call raises AnalyticsUnavailableError where it can't be done now."""

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        """Add rows, a JSON object in each line; those that were added by the same token are not added again.

        Raises:
            AnalyticsRowError: a value does not fit its column. No row is added.
        """

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        """What a query gives; `parameters` are bound by their names and types, as in `{tenant:UUID}`."""

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        """Have something done that gives nothing."""

    def close(self) -> None: ...


def lines_of(rows: Iterable[Row]) -> bytes:
    """Rows as `insert` takes them; ids and times as text."""
    return b"".join(to_json(row) + b"\n" for row in rows)
