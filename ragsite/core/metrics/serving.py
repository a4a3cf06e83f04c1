"""A small HTTP server in processes that have none of their own, at which Prometheus scrapes them."""

from __future__ import annotations

import logging

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, REGISTRY, CollectorRegistry
from prometheus_client import start_http_server as server_start

from ragsite.core.configuration import MetricsSettings
from ragsite.core.metrics.instruments import instruments_make
from ragsite.core.metrics.readings import READINGS

logger = logging.getLogger(__name__)

OF_PYTHON = (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR)


def metrics_serve(registry: CollectorRegistry = REGISTRY) -> None:
    """Tell Prometheus of this process, at the port that the settings give it; none if they give none.

    A port that is taken keeps no process from its work: the log says so.
    """
    settings = MetricsSettings.current()
    registry_complete(registry)
    if not settings.port:
        return
    try:
        server_start(settings.port, addr=settings.address, registry=registry)
    except OSError as error:
        logger.error("RAGSITE_METRICS_PORT: %s:%d: %s; no metrics", settings.address, settings.port, error.strerror)
        return
    logger.info("metrics at http://%s:%d/metrics", settings.address, settings.port)


def registry_complete(registry: CollectorRegistry) -> None:
    """Tell, by this registry, what is read for a scrape; and by one of files the process itself, which is in none of them."""
    instruments_make()
    for collector in (READINGS,) if registry is REGISTRY else (READINGS, *OF_PYTHON):
        registry.register(collector)
