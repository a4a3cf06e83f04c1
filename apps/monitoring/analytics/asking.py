"""The engine of this machine as the processes see it that do not own it: they ask the one that does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import httpx

from apps.monitoring.analytics.store import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    AnalyticsRowError,
    AnalyticsUnavailableError,
    Row,
)

ADDRESS = "engine.json"
"""The file in which the owner says where it answers, and to which token."""


class AskingStore:
    """The engine that another process of this machine owns."""

    def __init__(self, folder: Path) -> None:
        self._address = folder / ADDRESS
        self._client = httpx.Client(timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS), trust_env=False)

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        self._ask({"what": "insert", "table": table, "lines": lines.decode(), "token": token})

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._ask({"what": "rows", "sql": sql, "parameters": dict(parameters)})

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self._ask({"what": "command", "sql": sql, "parameters": dict(parameters)})

    def close(self) -> None:
        self._client.close()

    def _ask(self, asked: Mapping[str, Any]) -> list[Row]:
        try:
            at = json.loads(self._address.read_text())
            response = self._client.post(
                f"http://127.0.0.1:{at['port']}/",
                content=json.dumps(asked, default=str),
                headers={"Authorization": f"Bearer {at['token']}", "Content-Type": "application/json"},
            )
            told = response.json()
        except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
            raise AnalyticsUnavailableError("No process owns the engine for reports now.") from error
        if response.status_code != httpx.codes.OK:
            _refused(told)
        rows: list[Row] = told["rows"]
        return rows


def _refused(told: Mapping[str, Any]) -> NoReturn:
    message = str(told.get("message") or told.get("error"))
    if told.get("error") == AnalyticsRowError.code:
        raise AnalyticsRowError(message)
    raise AnalyticsUnavailableError(message)
