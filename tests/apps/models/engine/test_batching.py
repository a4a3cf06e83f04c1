from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from types import SimpleNamespace

import numpy as np
import pytest

from apps.models.engine import batching
from apps.models.engine.batching import EngineRunner
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.engine.tokenizer import TextIds
from apps.models.errors import DeadlineExceededError
from apps.models.inputs import RoleText, Texts
from apps.models.installed_model import EmbeddingModel
from apps.models.priority import Priority
from apps.models.prompts import TextRole
from ragsite.core.errors import ModelUnavailableError

PATIENCE = 20.0


def documents(*texts: str) -> Sequence[RoleText]:
    return Texts(texts, TextRole.DOCUMENT).items()


class GatedEngine(EmbeddingEngine):
    """The real engine, which waits at a gate before each batch and remembers what it computed."""

    def __init__(self, model: EmbeddingModel, settings: EngineSettings) -> None:
        super().__init__(model, settings)
        self.gate = threading.Semaphore(0)
        self.arrived = threading.Semaphore(0)
        self.batches: list[list[TextIds]] = []
        self.failure: Exception | None = None

    def compute(self, batch: Sequence[TextIds]) -> np.ndarray:
        self.batches.append(list(batch))
        self.arrived.release()
        assert self.gate.acquire(timeout=PATIENCE)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return super().compute(batch)

    def open(self) -> None:
        self.gate.release(10_000)


@pytest.fixture
def engine(make_model: Callable[..., EmbeddingModel]) -> GatedEngine:
    """Batches of 48 tokens: two of the longest texts."""
    engine = GatedEngine(make_model(), EngineSettings(precision=Precision.FLOAT32, threads=1, batch_tokens=48))
    engine.load()
    return engine


@pytest.fixture
def runner(engine: GatedEngine) -> Iterator[EngineRunner]:
    runner = EngineRunner(engine)
    yield runner
    engine.open()
    runner.close(drain=False, timeout=PATIENCE)


@pytest.fixture
def submit(runner: EngineRunner) -> Callable[..., Future[np.ndarray]]:
    def submit(*texts: str, bulk: bool = False, seconds: float = PATIENCE) -> Future[np.ndarray]:
        priority = Priority.BULK if bulk else Priority.INTERACTIVE
        return runner.submit(documents(*texts), priority=priority, deadline=time.monotonic() + seconds)

    return submit


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Puts the runner's clock forward by so many seconds."""

    def forward(seconds: float) -> None:
        monkeypatch.setattr(batching, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + seconds))

    return forward


Submit = Callable[..., "Future[np.ndarray]"]


def occupy(engine: GatedEngine, submit: Submit) -> Future[np.ndarray]:
    """Have the runner busy with a batch, so that what is submitted next waits."""
    future = submit("water")
    assert engine.arrived.acquire(timeout=PATIENCE)
    return future


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.002)


def test_the_vectors_are_those_of_the_engine_in_the_order_given(engine: GatedEngine, submit: Submit) -> None:
    engine.open()
    texts = ["tenant " * (n % 9 + 1) + "rent" for n in range(30)]

    vectors = submit(*texts, bulk=True).result(PATIENCE)

    assert vectors.shape == (30, 32)
    assert vectors == pytest.approx(engine.embed(texts), abs=1e-5)


def test_requests_of_many_threads_are_computed_together(engine: GatedEngine, submit: Submit) -> None:
    occupy(engine, submit)
    with ThreadPoolExecutor(8) as threads:
        futures = [future.result(PATIENCE) for future in [threads.submit(submit, f"rent {n}") for n in range(8)]]
    engine.open()

    rows = np.vstack([future.result(PATIENCE) for future in futures])

    assert rows == pytest.approx(engine.embed([f"rent {n}" for n in range(8)]), abs=1e-5)
    assert max(len(batch) for batch in engine.batches[1:]) >= 4


def test_batches_keep_within_the_token_budget(engine: GatedEngine, submit: Submit) -> None:
    engine.open()

    submit(*["tenant " * n for n in range(1, 20)], bulk=True).result(PATIENCE)

    assert max(sum(map(len, batch)) for batch in engine.batches) <= 48


def test_an_interactive_request_waits_for_one_bulk_batch_at_most(engine: GatedEngine, submit: Submit) -> None:
    bulk = submit(*["tenant " * 22] * 20, bulk=True)
    assert engine.arrived.acquire(timeout=PATIENCE)
    interactive = submit("rent")

    engine.gate.release(2)

    assert interactive.result(PATIENCE).shape == (1, 32)
    assert not bulk.done()
    assert [len(ids) for ids in engine.batches[1]] == [len(engine.encode(documents("rent"))[0])]
    engine.open()
    assert bulk.result(PATIENCE).shape == (20, 32)


def test_a_request_whose_deadline_passed_while_waiting_is_never_computed(
    engine: GatedEngine, submit: Submit, later: Callable[[float], None]
) -> None:
    first = occupy(engine, submit)
    late = submit("tenant", seconds=PATIENCE)
    on_time = submit("rent", seconds=3 * PATIENCE)
    later(2 * PATIENCE)

    engine.open()

    with pytest.raises(DeadlineExceededError) as refused:
        late.result(PATIENCE)
    assert refused.value.error_code == "deadline_exceeded"
    assert first.result(PATIENCE).shape == on_time.result(PATIENCE).shape == (1, 32)
    assert engine.encode(documents("tenant"))[0] not in [ids for batch in engine.batches for ids in batch]


def test_a_request_that_comes_too_late_is_refused_at_once(engine: GatedEngine, submit: Submit) -> None:
    with pytest.raises(DeadlineExceededError):
        submit("tenant", seconds=-1).result(0)

    assert engine.batches == []


def test_the_rest_of_a_long_request_is_dropped_at_its_deadline(
    engine: GatedEngine, submit: Submit, later: Callable[[float], None]
) -> None:
    long = submit(*["tenant " * 22] * 20, bulk=True)
    assert engine.arrived.acquire(timeout=PATIENCE)
    later(2 * PATIENCE)
    engine.open()

    with pytest.raises(DeadlineExceededError):
        long.result(PATIENCE)
    assert len(engine.batches) == 1


def test_a_cancelled_request_is_not_computed(engine: GatedEngine, submit: Submit) -> None:
    occupy(engine, submit)
    given_up, wanted = submit("tenant"), submit("rent")
    assert given_up.cancel()
    engine.open()

    assert wanted.result(PATIENCE).shape == (1, 32)
    with pytest.raises(CancelledError):
        given_up.result(PATIENCE)
    assert engine.encode(documents("tenant"))[0] not in [ids for batch in engine.batches for ids in batch]


def test_a_failing_batch_fails_its_own_requests_and_no_others(engine: GatedEngine, submit: Submit) -> None:
    engine.failure = ValueError("broken kernel")
    failing = occupy(engine, submit)
    later = submit("rent")
    engine.open()

    with pytest.raises(ModelUnavailableError, match="ValueError: broken kernel") as refused:
        failing.result(PATIENCE)
    assert refused.value.error_code == "engine_failed"
    assert later.result(PATIENCE).shape == (1, 32)


def test_the_other_batches_of_a_failed_request_are_not_computed(engine: GatedEngine, submit: Submit) -> None:
    engine.failure = ModelUnavailableError("no memory", code="out_of_memory")
    failing = submit(*["tenant " * 22] * 20, bulk=True)
    assert engine.arrived.acquire(timeout=PATIENCE)
    engine.open()

    with pytest.raises(ModelUnavailableError, match="no memory"):
        failing.result(PATIENCE)
    submit("rent").result(PATIENCE)
    assert len(engine.batches) == 2


def test_a_request_without_texts_is_answered_without_the_engine(engine: GatedEngine, submit: Submit) -> None:
    assert submit().result(0).shape == (0, 32)
    assert engine.batches == []


def test_a_batch_that_runs_too_long_counts_as_stalled(
    engine: GatedEngine, runner: EngineRunner, submit: Submit
) -> None:
    assert not runner.stalled(0.0)
    future = occupy(engine, submit)

    until(lambda: runner.stalled(0.01))

    assert not runner.stalled(60.0)
    engine.open()
    future.result(PATIENCE)
    until(lambda: not runner.stalled(0.0))


def test_closing_finishes_what_waits_and_takes_no_more(
    engine: GatedEngine, runner: EngineRunner, submit: Submit
) -> None:
    waiting = [occupy(engine, submit), submit("rent"), submit("tenant", bulk=True)]
    engine.open()

    runner.close(timeout=PATIENCE)

    assert [future.result(0).shape for future in waiting] == [(1, 32)] * 3
    with pytest.raises(ModelUnavailableError, match="being unloaded"):
        submit("month")


def test_closing_without_draining_fails_what_waits(engine: GatedEngine, runner: EngineRunner, submit: Submit) -> None:
    running = occupy(engine, submit)
    waiting = submit("rent")

    closing = threading.Thread(target=runner.close, kwargs={"drain": False, "timeout": PATIENCE})
    closing.start()

    with pytest.raises(ModelUnavailableError) as refused:
        waiting.result(PATIENCE)
    assert refused.value.error_code == "model_unloaded"
    engine.open()
    assert running.result(PATIENCE).shape == (1, 32)
    closing.join(PATIENCE)
    assert len(engine.batches) == 1


def test_an_engine_of_two_streams_computes_two_batches_at_once_and_each_text_gets_its_own_vector(
    make_model: Callable[..., EmbeddingModel],
) -> None:
    engine = GatedEngine(make_model(), EngineSettings(precision=Precision.FLOAT32, threads=2, batch_tokens=48))
    engine.load()
    texts = [f"Text {number} " + "water " * (number % 7) for number in range(40)]
    runner = EngineRunner(engine)
    try:
        future = runner.submit(documents(*texts), priority=Priority.BULK, deadline=time.monotonic() + PATIENCE)

        assert engine.arrived.acquire(timeout=PATIENCE)
        assert engine.arrived.acquire(timeout=PATIENCE), "the second batch waits for no first one"
        assert not engine.arrived.acquire(timeout=0.05), "a third one does"
        engine.open()
        vectors = future.result(PATIENCE)
    finally:
        engine.open()
        runner.close(drain=False, timeout=PATIENCE)

    assert np.allclose(vectors, engine.embed(texts), atol=1e-5)


def test_a_hanging_batch_is_noticed_while_the_other_stream_works_on(make_model: Callable[..., EmbeddingModel]) -> None:
    engine = GatedEngine(make_model(), EngineSettings(precision=Precision.FLOAT32, threads=2, batch_tokens=48))
    engine.load()
    runner = EngineRunner(engine)
    try:
        hanging = runner.submit(documents("water"), priority=Priority.BULK, deadline=time.monotonic() + PATIENCE)
        assert engine.arrived.acquire(timeout=PATIENCE)
        other = runner.submit(documents("rent"), priority=Priority.BULK, deadline=time.monotonic() + PATIENCE)
        assert engine.arrived.acquire(timeout=PATIENCE)
        engine.gate.release()
        wait({hanging, other}, timeout=PATIENCE, return_when="FIRST_COMPLETED")

        assert runner.stalled(0.0)
        assert not runner.stalled(PATIENCE)
    finally:
        engine.open()
        runner.close(drain=False, timeout=PATIENCE)
    assert not runner.stalled(0.0)
