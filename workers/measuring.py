"""How a worker tells Prometheus of itself: what its children counted, and which models it holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from billiard.process import current_process
from django.utils.module_loading import import_string
from prometheus_client import REGISTRY

from apps.models.gateway.measuring import BREAKERS
from ragsite.core.metrics.files import files_begin, files_end, files_of_child, files_registry
from ragsite.core.metrics.readings import READINGS, Reading, Source
from ragsite.core.metrics.serving import metrics_serve
from workers.model_holding import ENGINES
from workers.queues import Pool

logger = logging.getLogger(__name__)
_folder: Path | None = None
"""Where the children of this worker count."""


def worker_measure(pool: Pool | None) -> None:
    """Before the worker forks, so that its children count where it looks."""
    global _folder
    if pool is not Pool.PREFORK:
        return
    try:
        _folder = files_begin()
    except OSError as error:
        logger.error("there is no folder for metrics: %s; what children do is not counted", error)


def child_measure() -> None:
    """Count at the place in the pool that this process has."""
    files_of_child(current_process().index)


def worker_tell(*, holds_models: bool) -> None:
    """Let Prometheus ask this worker."""
    READINGS.add(BREAKERS)
    if holds_models:
        READINGS.add(Source("models", models_read))
    metrics_serve(REGISTRY if _folder is None else files_registry())


def worker_forget() -> None:
    """Remove what the worker's children counted, as the worker ends."""
    if _folder is not None:
        files_end(_folder)


def models_read() -> Iterator[Reading]:
    """What each loaded model takes in this process, and what all may."""
    engines = import_string(ENGINES)()
    names = {model.version_id: model.name for model in engines.loaded()}
    for held in engines.held():
        if held.version_id in names:
            yield Reading("ragsite_model_memory_bytes", held.bytes, (names[held.version_id],))
    yield Reading("ragsite_model_memory_budget_bytes", engines.budget_bytes)
