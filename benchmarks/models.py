"""How models are loaded, batched and reached: what a budget holds, what batching brings, what the queue costs.

    python -m benchmarks.models [--json] [--parts memory batching gateway writing] [--callers 32] [--queries 640] [--rounds 3]

`memory`: 32 threads ask for a model that is not loaded, and the loads are counted; then threads ask six models at random of a
budget for three, and the bytes that were ever taken beyond it are told. `batching`: `callers` threads embed queries of nine
words through the engine's runner, and again with one that computes each on its own; then a single caller does. `gateway`: a whole
system is started in a temporary folder, and a query is embedded by its model worker through the queue, and in this process. The
model is all-MiniLM-L6-v2, on two threads. `writing`: SmolLM2 writes 16 texts of different lengths, asked through the queue, and
transformers does in this process. The last line is one JSON object; `…_seconds` and `…_rate` are what the ratios are of.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.resources import ModelResourceManager
from apps.models.engine.runner import BatchRunner
from apps.models.engine.settings import Device, EngineSettings
from apps.models.priority import Priority
from apps.models.prompts import TextRole
from benchmarks.engine.model import bundled_model, pieces
from benchmarks.place import PROJECT, database, folder, measured, say
from ragsite.core.ids import new_id
from ragsite.stack.local import local_environment
from ragsite.stack.system import system

PARTS = ("memory", "batching", "gateway", "writing")
WRITING = {"RAGSITE_GENERATION_SLOTS": "16", "RAGSITE_GENERATION_TOKENS": "1024"}
PATIENCE = 300.0
AT_ONCE = 32
MODELS, ROOM_FOR, REQUESTS = 6, 3, 120
ROUNDS = 5
ONE_TEXT_A_BATCH = 1
MEASURING = "benchmarks.models_measured"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description="Models: memory, batches, queue.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what is measured (default all)")
    parser.add_argument("--callers", type=int, default=AT_ONCE, help="callers at once (default 32)")
    parser.add_argument("--queries", type=int, default=640, help="queries of each measurement (default 640)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of what is written (default 3)")
    options = parser.parse_args(argv)
    if options.parts == ["writing"]:
        return _print(writing(options), options)
    found: dict[str, Any] = {}
    # The system's servers are found by this process's environment, which the other parts fill with addresses of nothing.
    if "gateway" in options.parts:
        found |= gateway(options)
    if "memory" in options.parts:
        found |= memory()
    if "batching" in options.parts:
        found |= batching(options)
    if "writing" in options.parts:
        found |= _apart("writing", options)
    return _print(found, options)


def _print(found: dict[str, Any], options: argparse.Namespace) -> int:
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


def _apart(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """A part that needs a Django of its own, as its database is another."""
    command = [sys.executable, "-m", "benchmarks.models", "--json", "--parts", part, "--rounds", str(options.rounds)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def writing(options: argparse.Namespace) -> dict[str, Any]:
    """What a language model writes a second, and how soon it begins."""
    with database(**WRITING):
        return measured("benchmarks.models_writing", "measure", options.rounds)


def gateway(options: argparse.Namespace) -> dict[str, Any]:
    """The median of one query through the queue, and in this process."""
    with folder() as place, local_environment(), system(place, os.environ, say=say) as running:
        return measured(MEASURING, "measure", running, options)


class _Counting(EmbeddingEngine):
    """Counts what all engines of its kind take together, whenever one is loaded."""

    loads = 0
    taken = 0
    most = 0

    def load(self) -> None:
        _Counting.loads += 1
        _Counting.taken += self.weights_bytes() + self.working_bytes()
        _Counting.most = max(_Counting.most, _Counting.taken)
        super().load()

    def unload(self) -> None:
        super().unload()
        _Counting.taken -= self.weights_bytes() + self.working_bytes()


def memory() -> dict[str, Any]:
    """Loads when many ask at once, and the bytes beyond a budget that six models are driven through."""
    model, settings = bundled_model(), EngineSettings(Device.CPU, threads=2)
    size = _Counting(model, settings).weights_bytes() + _Counting(model, settings).working_bytes()
    budget = ROOM_FOR * size
    manager = ModelResourceManager(budget_bytes=budget, build=lambda one: _Counting(one, settings))
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda _: manager.get(model, timeout=PATIENCE), range(AT_ONCE)))
        loads = _Counting.loads
        models = [model, *(replace(model, version_id=new_id()) for _ in range(MODELS - 1))]

        def ask(number: int) -> bool:
            with manager.lease(random.Random(number).choice(models), timeout=PATIENCE) as runner:
                return _ask(runner, f"Question {number}?")

        with ThreadPoolExecutor(AT_ONCE) as threads:
            answered = sum(threads.map(ask, range(REQUESTS)))
    finally:
        manager.close()
    say(f"{_Counting.loads} loads for {REQUESTS} requests, at most {_Counting.most:,} of {budget:,} bytes")
    return {
        "loads_when_32_ask_at_once": loads,
        "budget_exceeded_bytes": max(0, _Counting.most - budget),
        "budget_requests_failed": REQUESTS - answered,
    }


def batching(options: argparse.Namespace) -> dict[str, Any]:
    """Queries a second by many callers, and the median of one alone, with batches and without. Rounds alternate."""
    runners = [_runner(None), _runner(ONE_TEXT_A_BATCH)]
    try:
        asked = pieces(options.queries, least=9, most=9)
        rates = _alternately(runners, lambda runner: _rate(runner, asked, options.callers))
        lone = _alternately(runners, lambda runner: _median([_clock(runner, text) for text in asked[:100]]))
    finally:
        for runner in runners:
            runner.close(drain=False)
    return {
        "batching_speedup": rates[0] / rates[1],
        "batching_rate": rates[0],
        "batching_lone_caller_p50": lone[0] / lone[1],
        "batching_lone_caller_seconds": lone[0],
    }


def _runner(batch_tokens: int | None) -> BatchRunner:
    engine = EmbeddingEngine(bundled_model(), EngineSettings(Device.CPU, threads=2, batch_tokens=batch_tokens))
    engine.load()
    return engine.runner()


def _alternately(runners: Sequence[BatchRunner], measure: Callable[[BatchRunner], float]) -> list[float]:
    """The median of each runner; the first round only warms up."""
    rounds = [[measure(runner) for runner in runners] for _ in range(ROUNDS + 1)][1:]
    return [_median(of_one) for of_one in zip(*rounds, strict=True)]


def _rate(runner: BatchRunner, asked: Sequence[str], callers: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(lambda text: _ask(runner, text), asked))
    return len(asked) / (time.perf_counter() - began)


def _clock(runner: BatchRunner, text: str) -> float:
    began = time.perf_counter()
    _ask(runner, text)
    return time.perf_counter() - began


def _ask(runner: Any, text: str) -> bool:
    asked = [(TextRole.QUERY, text)]
    found = runner.submit(asked, priority=Priority.INTERACTIVE, deadline=time.monotonic() + PATIENCE).result(PATIENCE)
    return bool(found.shape[0] == 1)


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
