"""Gathers the requests of many threads into batches for one engine, on as many threads of its own as it has streams."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence, Sized
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from apps.models.engine.plan import batch_with_first, window_of
from apps.models.engine.runner import Engine
from apps.models.errors import DeadlineExceededError
from apps.models.installed_model import InstalledModel
from apps.models.priority import Priority
from ragsite.core.errors import ModelUnavailableError, RagError
from ragsite.core.metrics.instruments import counter, histogram
from ragsite.core.tracing.spans import told

logger = logging.getLogger(__name__)

TOKENS = counter("ragsite_model_tokens_total")
INPUTS = histogram("ragsite_batch_inputs")
BATCH_TOKENS = histogram("ragsite_batch_tokens")
SECONDS = histogram("ragsite_batch_seconds")


class BatchEngine(Engine, Protocol):
    """What the runner needs of an engine: of texts, or of pairs of them, it makes inputs, of which only lengths count here."""

    batch_tokens: int
    streams: int

    @property
    def width(self) -> int: ...
    @property
    def packed(self) -> bool: ...
    def encode(self, texts: Sequence[Any]) -> Sequence[Sized]: ...
    def compute(self, batch: Sequence[Any]) -> np.ndarray: ...


@dataclass(slots=True, eq=False)
class _Request:
    """One caller's texts; `waiting` are the rows still to be computed, longest first.

    The future is settled only once: a caller may cancel it at any moment, and one of its batches may have failed.
    """

    inputs: Sequence[Sized]
    deadline: float
    future: Future[np.ndarray]
    vectors: np.ndarray
    waiting: list[int]
    unfinished: int

    def fail(self, error: RagError) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)

    def finish_row(self, row: int, vector: np.ndarray) -> None:
        self.vectors[row] = vector
        self.unfinished -= 1
        if self.unfinished == 0:
            with suppress(InvalidStateError):
                self.future.set_result(self.vectors)


@dataclass(frozen=True, slots=True)
class _Item:
    request: _Request
    row: int

    @property
    def ids(self) -> Sized:
        return self.request.inputs[self.row]


class EngineRunner:
    """Feeds one loaded engine. Interactive requests go before bulk ones and wait for at most one batch."""

    def __init__(self, engine: BatchEngine) -> None:
        self.engine = engine
        self._queues: dict[Priority, deque[_Request]] = {priority: deque() for priority in Priority}
        self._changed = threading.Condition()
        self._closed = False
        self._batches_started: dict[int, float] = {}
        self._threads = [
            threading.Thread(
                target=self._serve, args=[stream], name=f"engine {engine.model.name} {stream}", daemon=True
            )
            for stream in range(engine.streams)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, inputs: Sequence[Any], *, priority: Priority, deadline: float) -> Future[np.ndarray]:
        """Queue texts, or pairs of them; any thread may call this.

        `deadline` is absolute, of `time.monotonic()`. The future gives float32 of shape (n, width), or raises
        DeadlineExceededError (what is left of the request is then not computed) or the engine's error. Cancelling it
        leaves out what is not computed yet.

        Raises:
            ModelUnavailableError: (code `model_unloaded`) the runner is closed.
        """
        future: Future[np.ndarray] = Future()
        if deadline <= time.monotonic():
            future.set_exception(_late())
            return future
        encoded = self.engine.encode(inputs)
        told(gen_ai__usage__input_tokens=sum(map(len, encoded)))
        request = self._request(encoded, deadline=deadline, future=future)
        if not request.inputs:
            future.set_result(request.vectors)
            return future
        with self._changed:
            if self._closed:
                raise _unloaded(self.engine.model)
            self._queues[priority].append(request)
            self._changed.notify_all()  # A request may be work for every stream.
        return future

    def stalled(self, seconds: float) -> bool:
        """Whether one batch has been running for longer than `seconds`: the device hangs."""
        started = min(self._batches_started.copy().values(), default=None)
        return started is not None and time.monotonic() - started > seconds

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        """Take no more requests, finish those waiting (or, without `drain`, fail them), and end the threads.

        After `timeout` seconds what still waits is failed, and the threads end with their batches.
        """
        until = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            self._closed = True
            if not drain:
                self._fail_waiting()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        with self._changed:
            self._fail_waiting()

    def _request(self, inputs: Sequence[Sized], *, deadline: float, future: Future[np.ndarray]) -> _Request:
        return _Request(
            inputs=inputs,
            deadline=deadline,
            future=future,
            vectors=np.empty((len(inputs), self.engine.width), dtype=np.float32),
            waiting=sorted(range(len(inputs)), key=lambda row: -len(inputs[row])),
            unfinished=len(inputs),
        )

    def _serve(self, stream: int) -> None:
        while (batch := self._wait_for_batch()) is not None:
            self._compute(batch, stream)

    def _wait_for_batch(self) -> list[_Item] | None:
        """The next batch, as soon as there is one; None once the runner is closed and nothing waits."""
        with self._changed:
            while True:
                batch = self._take_batch()
                if batch:
                    return batch
                if self._closed:
                    return None
                self._changed.wait()

    def _take_batch(self) -> list[_Item]:
        for queue in self._queues.values():
            self._drop_unwanted(queue)
            window = list(islice(_items(queue), window_of(self.engine.batch_tokens)))
            if window:
                # With the oldest request's first item, so that none is passed over forever.
                lengths = [len(item.ids) for item in window]
                rows = batch_with_first(lengths, budget=self.engine.batch_tokens, packed=self.engine.packed)
                chosen = [window[row] for row in rows]
                _take(chosen, queue)
                return chosen
        return []

    def _drop_unwanted(self, queue: deque[_Request]) -> None:
        now = time.monotonic()
        for request in [request for request in queue if request.deadline <= now or request.future.done()]:
            queue.remove(request)
            request.fail(_late())

    def _compute(self, batch: list[_Item], stream: int) -> None:
        self._batches_started[stream] = time.monotonic()
        try:
            vectors = self.engine.compute([item.ids for item in batch])
        except RagError as error:
            self._fail(batch, error)
        except Exception as error:
            # Whatever went wrong goes to those who wait for it; the thread must live on for the others.
            logger.exception("The model %s failed on a batch of %d texts", self.engine.model.name, len(batch))
            self._fail(batch, _failed(self.engine.model, error))
        else:
            _measure(self.engine.model, batch, seconds=time.monotonic() - self._batches_started[stream])
            self._deliver(batch, vectors)
        finally:
            del self._batches_started[stream]

    def _deliver(self, batch: list[_Item], vectors: np.ndarray) -> None:
        with self._changed:  # A request's rows may be computed on several threads.
            for item, vector in zip(batch, vectors, strict=True):
                item.request.finish_row(item.row, vector)

    def _fail(self, batch: list[_Item], error: RagError) -> None:
        """Fail the requests of this batch; their other rows are dropped when the next batch is put together."""
        for item in batch:
            item.request.fail(error)

    def _fail_waiting(self) -> None:
        for queue in self._queues.values():
            for request in queue:
                request.fail(_unloaded(self.engine.model))
            queue.clear()


def _items(queue: deque[_Request]) -> Iterator[_Item]:
    for request in queue:
        for row in request.waiting:
            yield _Item(request, row)


def _take(chosen: list[_Item], queue: deque[_Request]) -> None:
    taken: dict[int, tuple[_Request, set[int]]] = {}
    for item in chosen:
        taken.setdefault(id(item.request), (item.request, set()))[1].add(item.row)
    for request, rows in taken.values():
        request.waiting = [row for row in request.waiting if row not in rows]
        if not request.waiting:
            queue.remove(request)


def _measure(model: InstalledModel, batch: Sequence[_Item], *, seconds: float) -> None:
    tokens = sum(len(item.ids) for item in batch)
    TOKENS.labels(model.kind, model.name).inc(tokens)
    INPUTS.labels(model.kind).observe(len(batch))
    BATCH_TOKENS.labels(model.kind).observe(tokens)
    SECONDS.labels(model.kind).observe(seconds)


def _late() -> DeadlineExceededError:
    return DeadlineExceededError("The deadline passed before the model got to the texts.")


def _unloaded(model: InstalledModel) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} is being unloaded.", code="model_unloaded", action="Try again.", retry_after=1.0
    )


def _failed(model: InstalledModel, error: Exception) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} failed on a batch: {type(error).__name__}: {error}", code="engine_failed"
    )
