"""Which ClickHouse there is, by the settings: a server, the engine of this machine, or none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from apps.monitoring.analytics.asking import AskingStore
from apps.monitoring.analytics.schema.migrating import schema_migrate
from apps.monitoring.analytics.store import AnalyticsOffError, AnalyticsStore, AnalyticsUnavailableError, Row
from ragsite.core.configuration import AnalyticsSettings

logger = logging.getLogger(__name__)

_opened: dict[AnalyticsSettings, AnalyticsStore] = {}
_opening = threading.Lock()


class LateStore:
    """ClickHouse for a program that goes on without it for a while: opened, and brought up, once it answers.

    With `may_own` it owns the engine of this machine where nobody does; without, it asks who owns it.
    """

    def __init__(self, *, may_own: bool = True) -> None:
        self._settings, self._may_own = analytics_settings(), may_own
        self._store: AnalyticsStore | None = None

    def open(self) -> AnalyticsStore | None:
        """Try it now; None while it is away, of which the log says why."""
        try:
            return self.opened()
        except AnalyticsUnavailableError as error:
            logger.warning("ClickHouse is waited for: %s", error.message)
            return None

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        self.opened().insert(table, lines, token=token)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self.opened().rows(sql, parameters)

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self.opened().command(sql, parameters)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def opened(self) -> AnalyticsStore:
        """Raises AnalyticsUnavailableError: it does not answer yet."""
        if self._store is None:
            store = _store(self._settings, may_own=self._may_own)
            try:
                schema_migrate(store, days=self._settings.days)
            except AnalyticsUnavailableError:
                store.close()
                raise
            self._store = store
        return self._store


@contextmanager
def store_for_writing(*, may_own: bool = True) -> Iterator[AnalyticsStore]:
    """ClickHouse for a command or a job, its tables brought up; `may_own` as for a LateStore.

    Raises:
        AnalyticsOffError: none is set up.
        AnalyticsUnavailableError: it does not answer.
    """
    late = LateStore(may_own=may_own)
    try:
        yield late.opened()
    finally:
        late.close()


def store_for_reading() -> AnalyticsStore:
    """ClickHouse for reports, opened once a process. The engine of this machine is asked for, and never owned.

    Raises:
        AnalyticsOffError: none is set up.
        AnalyticsUnavailableError: it does not answer.
    """
    settings = analytics_settings()
    with _opening:
        if settings not in _opened:
            _opened[settings] = _store(settings, may_own=False)
        return _opened[settings]


def _store(settings: AnalyticsSettings, *, may_own: bool) -> AnalyticsStore:
    """The clients of ClickHouse take a second to import, so that they are where there is one."""
    if not settings.is_embedded:
        server: AnalyticsStore = import_module(f"{__package__}.clickhouse").server_store(
            settings.url, certificates=settings.ca_file
        )
        return server
    if not may_own:
        return AskingStore(settings.folder)
    shared: AnalyticsStore = import_module(f"{__package__}.owner").SharedStore(settings.folder)
    return shared


def analytics_settings() -> AnalyticsSettings:
    """Which ClickHouse there is.

    Raises:
        AnalyticsOffError: none is set up.
    """
    settings = AnalyticsSettings.current()
    if not settings.url:
        raise AnalyticsOffError("Reports need ClickHouse, and none is set up.")
    return settings
