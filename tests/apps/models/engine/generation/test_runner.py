"""Requests of many threads to one language model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apps.models.engine.generation.engine import GenerationEngine
from apps.models.engine.generation.runner import GenerationRunner
from apps.models.errors import DeadlineExceededError
from apps.models.generation import Finish, GeneratedText
from apps.models.priority import Priority
from ragsite.core.errors import ModelUnavailableError, PermanentError
from tests.apps.models.engine.generation.running import (
    PATIENCE,
    conversation,
    engine_load,
    greedy,
    reference,
    running,
    stream,
    written,
)
from tests.apps.models.writers import writer_make, writer_of
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> GenerationEngine:
    return engine_load(writer_of(writer_make(tmp_path_factory.mktemp("llama"))), slots=2)


@pytest.fixture
def runner(engine: GenerationEngine) -> Iterator[GenerationRunner]:
    with running(engine) as made:
        yield made


@pytest.fixture
def gate(runner: GenerationRunner, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Lets one step through for each release."""
    may_go_on = threading.Semaphore(0)
    step = runner._decoder.step

    def gated(*, beat: Callable[[], None]) -> None:
        assert may_go_on.acquire(timeout=PATIENCE)
        step(beat=beat)

    monkeypatch.setattr(runner._decoder, "step", gated)
    return may_go_on


def text_of(engine: GenerationEngine, question: str, *, tokens: int) -> str:
    """What `generate` writes."""
    request = engine.request(conversation(question), deadline=time.monotonic() + PATIENCE)
    ids = greedy(reference(engine.model.path), request.prompt, tokens=tokens)
    assert engine._chat
    return engine._chat.decode(ids).rstrip("\ufffd")


def test_many_callers_get_what_generate_writes(engine: GenerationEngine, runner: GenerationRunner) -> None:
    questions = [f"Who pays the rent {'each month ' * number}?" for number in range(6)]

    def ask(question: str) -> str:
        text, end = written(stream(runner, conversation(question, max_tokens=12)))
        assert (end.finish, end.completion_tokens) == (Finish.LENGTH, 12)
        return text

    with ThreadPoolExecutor(6) as callers:
        found = list(callers.map(ask, questions))

    assert found == [text_of(engine, question, tokens=12) for question in questions]


def test_usage_counts_the_prompt_and_what_was_written(engine: GenerationEngine, runner: GenerationRunner) -> None:
    said = conversation("Who pays?", max_tokens=5)
    _, end = written(stream(runner, said))
    prompt = engine.request(said, deadline=time.monotonic() + PATIENCE).prompt
    assert (end.prompt_tokens, end.completion_tokens) == (len(prompt), 5)


def test_a_stop_string_ends_the_text_before_it(engine: GenerationEngine, runner: GenerationRunner) -> None:
    whole = text_of(engine, "Who pays?", tokens=30)
    stop = whole[8:12]

    text, end = written(stream(runner, conversation("Who pays?", max_tokens=30, stop=(stop,))))

    assert text == whole[: whole.index(stop)]
    assert end.finish is Finish.STOP


def test_pieces_come_while_the_text_is_written(runner: GenerationRunner, gate: threading.Semaphore) -> None:
    pieces = stream(runner, conversation("Who pays?", max_tokens=40))
    gate.release(10)

    first = next(piece for piece in pieces if piece != GeneratedText(""))

    assert isinstance(first, GeneratedText)
    gate.release(100)
    written(pieces)


def test_a_waiting_reader_is_told_that_the_model_is_still_at_it(
    runner: GenerationRunner, gate: threading.Semaphore
) -> None:
    pieces = stream(runner, conversation("Who pays?", max_tokens=1))
    assert next(pieces) == GeneratedText("")
    gate.release(100)
    written(pieces)


def test_who_closes_a_stream_frees_its_slot_with_the_next_step(
    runner: GenerationRunner, gate: threading.Semaphore
) -> None:
    left, other = (stream(runner, conversation(text, max_tokens=400)) for text in ("one", "other"))
    next(left), next(other)
    gate.release(1)
    wait_for(lambda: runner._decoder.free == 0, seconds=PATIENCE, what="both have joined", every=0.01)

    left.close()  # type: ignore[attr-defined]
    gate.release(1)

    wait_for(lambda: runner._decoder.free == 1, seconds=PATIENCE, what="a slot came free", every=0.01)
    other.close()  # type: ignore[attr-defined]
    gate.release(100)


def test_nothing_is_done_before_the_first_piece_is_asked_for(runner: GenerationRunner) -> None:
    pieces = stream(runner, conversation("Who pays?"))
    pieces.close()  # type: ignore[attr-defined]
    assert not any(runner._waiting.values())
    assert not runner._joined


def test_the_deadline_ends_a_text_and_frees_its_slot(runner: GenerationRunner, gate: threading.Semaphore) -> None:
    pieces = stream(runner, conversation("Who pays?", max_tokens=400), seconds=1.0)
    gate.release(5)
    with pytest.raises(DeadlineExceededError):
        list(pieces)
    gate.release(1)
    wait_for(lambda: runner._decoder.free == 2, seconds=PATIENCE, what="both slots came free", every=0.01)


def test_a_request_that_comes_too_late_is_not_begun(runner: GenerationRunner) -> None:
    with pytest.raises(DeadlineExceededError, match="before the model got to"):
        next(stream(runner, conversation("Who pays?"), seconds=-1))


def test_who_waits_in_vain_for_a_slot_is_late(runner: GenerationRunner, gate: threading.Semaphore) -> None:
    running_ones = [stream(runner, conversation(text, max_tokens=400)) for text in ("one", "other")]
    for one in running_ones:
        next(one)
    with pytest.raises(DeadlineExceededError):
        list(stream(runner, conversation("third"), seconds=0.3))
    for one in running_ones:
        one.close()  # type: ignore[attr-defined]
    gate.release(100)
    wait_for(lambda: runner._decoder.free == 2, seconds=PATIENCE, what="both slots came free", every=0.01)


def test_people_who_wait_go_before_bulk_work(runner: GenerationRunner, gate: threading.Semaphore) -> None:
    pieces = [stream(runner, conversation(text, max_tokens=400)) for text in ("one", "other")]
    for one in pieces:
        assert next(one) == GeneratedText("")
    gate.release()
    wait_for(lambda: len(runner._joined) == 2, seconds=PATIENCE, what="both slots are taken")
    bulk = stream(runner, conversation("bulk", max_tokens=1), priority=Priority.BULK)
    person = stream(runner, conversation("person", max_tokens=1))
    for one in (bulk, person):
        assert next(one) == GeneratedText("")

    pieces[0].close()  # type: ignore[attr-defined]
    gate.release()

    wait_for(lambda: not runner._waiting[Priority.INTERACTIVE], seconds=PATIENCE, what="the person has the slot")
    assert len(runner._waiting[Priority.BULK]) == 1
    gate.release(1000)
    written(person)
    written(bulk)
    pieces[1].close()  # type: ignore[attr-defined]


def test_a_failing_step_fails_its_requests_and_the_next_one_works(
    engine: GenerationEngine, runner: GenerationRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(runner._decoder, "_forward", None)
        with pytest.raises(ModelUnavailableError, match="failed on a step") as failed:
            list(stream(runner, conversation("Who pays?")))
    assert failed.value.error_code == "engine_failed"

    text, _ = written(stream(runner, conversation("Who pays?", max_tokens=8)))

    assert text == text_of(engine, "Who pays?", tokens=8)


def test_a_hanging_step_is_seen(runner: GenerationRunner, gate: threading.Semaphore) -> None:
    assert not runner.stalled(0.0)
    pieces = stream(runner, conversation("Who pays?", max_tokens=1))
    next(pieces)
    assert runner.stalled(0.01)
    assert not runner.stalled(PATIENCE)
    gate.release(100)
    written(pieces)
    wait_for(lambda: not runner.stalled(0.0), seconds=PATIENCE, what="no step runs")


def test_closing_finishes_what_there_is_or_fails_it(engine: GenerationEngine) -> None:
    with running(engine) as drained:
        pieces = stream(drained, conversation("Who pays?", max_tokens=20))
        next(pieces)
        drained.close()
        assert written(pieces)[1].finish is Finish.LENGTH
        with pytest.raises(ModelUnavailableError, match="being unloaded"):
            next(stream(drained, conversation("more")))
    with running(engine) as dropped:
        pieces = stream(dropped, conversation("Who pays?", max_tokens=400))
        next(pieces)
        dropped.close(drain=False)
        with pytest.raises(ModelUnavailableError, match="being unloaded"):
            list(pieces)


def test_what_has_no_room_is_refused_with_its_numbers_before_any_work(
    engine: GenerationEngine, runner: GenerationRunner
) -> None:
    prompt = len(engine.request(conversation("Who pays?"), deadline=time.monotonic() + PATIENCE).prompt)
    with pytest.raises(PermanentError, match=f"{prompt} tokens and 500 more .* more than the 512") as refused:
        next(stream(runner, conversation("Who pays?", max_tokens=500)))
    assert refused.value.error_code == "context_too_long"
    with pytest.raises(PermanentError, match="1 more"):
        next(stream(runner, conversation("rent " * 600)))
    assert not runner._joined


def test_without_a_number_a_text_may_fill_the_room_there_is(tmp_path: Path) -> None:
    small = engine_load(writer_of(writer_make(tmp_path)), slot_tokens=64, slots=1)
    small._ends = frozenset()
    with running(small) as runner:
        _, end = written(stream(runner, conversation("hi")))
    assert (end.finish, end.prompt_tokens + end.completion_tokens) == (Finish.LENGTH, 64)
