"""What it brings to compute requests together, and what a question waits beside indexing, in one process.

    python -m benchmarks.engine.batching [--threads 2] [--callers 16] [--questions 400]

First `callers` threads ask `questions` questions of nine words, in turns each on its own and through the runner. Then questions
are asked one after the other, at any moment: with nothing else to do, beside requests of 200 chunks that wait, and beside these
without precedence. It prints milliseconds of processor time a question, then the median and the longest wait on the clock, and
what a full batch takes.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np

from apps.models.engine.batching import EngineRunner
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import Device, EngineSettings
from apps.models.inputs import RoleText, Texts
from apps.models.priority import Priority
from apps.models.prompts import TextRole
from benchmarks.engine.model import bundled_model, pieces

PATIENCE = 600.0
ASKED = 40
LONGEST_PAUSE = 1.0
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="What it brings to compute requests together.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--questions", type=int, default=400)
    options = parser.parse_args()
    engine = EmbeddingEngine(bundled_model(), EngineSettings(Device.CPU, threads=options.threads))
    engine.load()
    runner = EngineRunner(engine)
    try:
        _together(engine, runner, callers=options.callers, questions=options.questions)
        _beside(engine, runner)
    finally:
        runner.close(drain=False)


def _together(engine: EmbeddingEngine, runner: EngineRunner, *, callers: int, questions: int) -> None:
    asked = pieces(questions, least=9, most=9)
    turns = threading.Semaphore(engine.streams)

    def alone(text: str) -> None:
        with turns:
            engine.compute(engine.encode(_given([text])))

    def through(text: str) -> None:
        _ask(runner, [text], Priority.INTERACTIVE)

    took = [[_cost(way, asked, callers) for way in (alone, through)] for _ in range(ROUNDS + 1)][1:]
    for name, milliseconds in zip(("each on its own", "together"), np.median(took, axis=0), strict=True):
        print(f"{name:40} {milliseconds:6.2f} ms of processor time a question")


def _cost(way: Callable[[str], None], asked: Sequence[str], callers: int) -> float:
    began = time.process_time()
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(way, asked))
    return (time.process_time() - began) / len(asked) * 1000


def _beside(engine: EmbeddingEngine, runner: EngineRunner) -> None:
    chunks = pieces(200, least=100, most=170)
    _show("a question with nothing else to do", _waits(runner, Priority.INTERACTIVE))
    with _indexing(runner, chunks):
        _show("beside indexing, first", _waits(runner, Priority.INTERACTIVE))
        _show("beside indexing, in order of arrival", _waits(runner, Priority.BULK, times=5))
    full = engine.encode(_given(chunks))[: engine.batch_tokens // 200]
    _show("a full batch with nothing else to do", [_clock(lambda: engine.compute(full)) for _ in range(10)])


@contextmanager
def _indexing(runner: EngineRunner, chunks: Sequence[str]) -> Iterator[None]:
    """Two callers who always have a request of chunks with the runner."""
    stop = threading.Event()

    def index() -> None:
        while not stop.is_set():
            _ask(runner, chunks, Priority.BULK)

    with ThreadPoolExecutor(2) as threads:
        indexing = [threads.submit(index) for _ in range(2)]
        try:
            yield
        finally:
            stop.set()
            for one in indexing:
                one.result(PATIENCE)


def _waits(runner: EngineRunner, priority: Priority, *, times: int = ASKED) -> list[float]:
    dice, waits = random.Random(7), []
    for text in pieces(times, least=9, most=9):
        time.sleep(dice.uniform(0, LONGEST_PAUSE))  # Else each would be asked at the moment in which a batch ends.
        waits.append(_clock(partial(_ask, runner, [text], priority)))
    return waits


def _given(texts: Sequence[str]) -> Sequence[RoleText]:
    return Texts(tuple(texts), TextRole.DOCUMENT).items()


def _ask(runner: EngineRunner, texts: Sequence[str], priority: Priority) -> None:
    runner.submit(_given(texts), priority=priority, deadline=time.monotonic() + PATIENCE).result(PATIENCE)


def _clock(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _show(name: str, milliseconds: Sequence[float]) -> None:
    print(f"{name:40} {np.median(milliseconds):6.0f} ms, at most {max(milliseconds):.0f}")


if __name__ == "__main__":
    main()
