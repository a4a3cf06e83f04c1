"""What `benchmarks.models` measures of the gateway, on a running system."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from apps.models.gateway import Deadline, Purpose, TextRole, embed, using_transport
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_default
from benchmarks.engine.model import pieces
from ragsite.stack.system import System

PATIENCE_SECONDS = 120.0
ROUNDS = 3


def measure(running: System, options: argparse.Namespace) -> dict[str, Any]:
    """The median of one query by either way, asked in turns; the first few only warm up."""
    model = embedding_model_default()
    asked = pieces(max(60, options.queries // 4), least=9, most=9)
    took: dict[str, list[float]] = {"queue": [], "local": []}
    for number in range(ROUNDS + 1):
        for way, times in took.items():
            with using_transport(way):
                found = [_clock(model, text) for text in asked]
            times += found if number else []
    queue, local = (statistics.median(times) for times in took.values())
    return {"gateway_overhead": queue / local, "gateway_queue_seconds": queue, "gateway_local_seconds": local}


def _clock(model: EmbeddingModel, text: str) -> float:
    began = time.perf_counter()
    embed([text], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(PATIENCE_SECONDS))
    return time.perf_counter() - began
