"""Which ClickHouse there is, by the settings: a server, the engine of this machine, or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from apps.monitoring.analytics.clickhouse import server_store
from apps.monitoring.analytics.owner import AskingStore, SharedStore
from apps.monitoring.analytics.schema.migrating import schema_migrate
from apps.monitoring.analytics.store import AnalyticsOffError, AnalyticsStore
from ragsite.core.configuration import AnalyticsSettings

_opened: dict[AnalyticsSettings, AnalyticsStore] = {}
_opening = threading.Lock()


def analytics_is_on() -> bool:
    """Whether there is a ClickHouse by the settings, be it away."""
    return bool(AnalyticsSettings.current().url)


@contextmanager
def store_for_writing() -> Iterator[AnalyticsStore]:
    """ClickHouse for a command, its tables brought up. The engine of this machine is owned by it, if by nobody yet.

    Raises:
        AnalyticsOffError: none is set up.
        AnalyticsUnavailableError: it does not answer.
    """
    settings = AnalyticsSettings.current()
    store = _store(settings, may_own=True)
    try:
        schema_migrate(store, days=settings.days)
        yield store
    finally:
        store.close()


def store_for_reading() -> AnalyticsStore:
    """ClickHouse for reports, opened once a process. The engine of this machine is asked for, and never owned.

    Raises:
        AnalyticsOffError: none is set up.
        AnalyticsUnavailableError: it does not answer.
    """
    settings = AnalyticsSettings.current()
    with _opening:
        if settings not in _opened:
            _opened[settings] = _store(settings, may_own=False)
        return _opened[settings]


def _store(settings: AnalyticsSettings, *, may_own: bool) -> AnalyticsStore:
    if not settings.url:
        raise AnalyticsOffError
    if not settings.is_embedded:
        return server_store(settings.url, certificates=settings.ca_file)
    return SharedStore(settings.folder) if may_own else AskingStore(settings.folder)
