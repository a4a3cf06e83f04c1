"""Loads on a running system beside their simulation; see `benchmarks.capacity`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from apps.monitoring.capacity.measured import arrivals_seen, times_measured
from apps.monitoring.capacity.simulating import Spread, simulate
from benchmarks.ingestion.corpus import corpus
from benchmarks.ingestion.running import PATIENCE_SECONDS, POLL_SECONDS, Bench, ready_count
from benchmarks.place import say
from ragsite.stack.system import System
from workers.management.commands.capacity import places_of, stages_of

PROCESSES = {"parsing": 2, "general": 2, "models": 1}
"""As Procfile starts them."""

GROUPS, PAUSE_SECONDS = 5, 8.0


def measure(running: System, documents: int) -> dict[str, Any]:
    """Each load as it was measured and simulated, and a table of them."""
    bench = Bench(running)
    base = bench.client.create_knowledge_base("Capacity").id
    _burst(bench, base, 20, seed=1)()
    _burst(bench, base, documents, seed=2)()
    times = times_measured()
    loads: dict[str, tuple[int, Callable[[], None]]] = {
        f"a burst of {documents}": (documents, _burst(bench, base, documents, seed=3)),
        f"a burst of {2 * documents}": (2 * documents, _burst(bench, base, 2 * documents, seed=4)),
        f"{GROUPS} groups of {documents // GROUPS}": (
            documents // GROUPS * GROUPS,
            _groups(bench, base, documents // GROUPS),
        ),
    }
    found: dict[str, Any] = {
        "times": {name: asdict(one) | {"ratios": len(one.ratios)} for name, one in times.items()},
        "loads": {},
    }
    for name, (number, run) in loads.items():
        say(f"{name} …")
        run()
        seen = arrivals_seen(last=number)
        outcome = simulate(stages_of(times), places_of(PROCESSES), [one.at for one in seen])
        found["loads"][name] = {
            "measured": asdict(Spread.of([one.ready for one in seen]))
            | {"seconds": max(one.at + one.ready for one in seen)},
            "simulated": asdict(outcome.ready) | {"seconds": outcome.seconds, "busy": dict(outcome.busy)},
        }
        say(json.dumps(found["loads"][name]))
    return found | {"table": _table(found["loads"])}


def _burst(bench: Bench, base: str, number: int, *, seed: int) -> Callable[[], None]:
    return lambda: bench.ingest(base, corpus(number, seed=seed)) and None


def _groups(bench: Bench, base: str, number: int) -> Callable[[], None]:
    def run() -> None:
        wanted = ready_count(base) + GROUPS * number
        for group in range(GROUPS):
            if group:
                time.sleep(PAUSE_SECONDS)
            bench.upload(base, corpus(number, seed=100 + group))
        until = time.monotonic() + PATIENCE_SECONDS
        while ready_count(base) < wanted and time.monotonic() < until:
            time.sleep(POLL_SECONDS)

    return run


def _table(loads: dict[str, Any]) -> str:
    lines = ["| load | | mean | p50 | p95 | all ready after |", "|---|---|---|---|---|---|"]
    for name, told in loads.items():
        for side in ("measured", "simulated"):
            values = " | ".join(f"{told[side][key]:.1f} s" for key in ("mean", "p50", "p95", "seconds"))
            lines.append(f"| {name} | {side} | {values} |")
    return "\n".join(lines)
