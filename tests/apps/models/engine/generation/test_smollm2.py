"""The real small language model, as its GGUF file has it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apps.models.engine.generation.engine import GenerationEngine
from apps.models.engine.generation.runner import GenerationRunner
from apps.models.generation import Conversation, Finish, GenerationOptions, Message, Role
from apps.models.services.registry import bundled_writer_path
from tests.apps.models.engine.generation.running import PATIENCE, engine_load, greedy, running, stream, written
from tests.apps.models.writers import writer_of

pytestmark = pytest.mark.weights

PASSAGE = "The harbour of Lund has 42 berths for guests. Its office opens at eight in the morning."
QUESTIONS = (
    "How many berths for guests has the harbour?",
    "When does the office open?",
    "Is there a harbour?",
)
TOKENS = 8


@pytest.fixture(scope="module")
def engine() -> GenerationEngine:
    path = bundled_writer_path()
    if path is None:
        pytest.skip("the package with the weights is not installed")
    return engine_load(writer_of(path), threads=1, slots=2, slot_tokens=512)


@pytest.fixture(scope="module")
def runner(engine: GenerationEngine) -> Iterator[GenerationRunner]:
    with running(engine) as made:
        yield made


def asked(question: str, **options: Any) -> Conversation:
    told = f"Answer from the text.\n\n{PASSAGE}"
    messages = (Message(Role.SYSTEM, told), Message(Role.USER, question))
    return Conversation(messages, GenerationOptions(**{"max_tokens": TOKENS} | options))


def test_it_writes_what_generate_writes_alone_and_in_company(
    engine: GenerationEngine, runner: GenerationRunner
) -> None:
    with ThreadPoolExecutor(3) as callers:
        together = list(callers.map(lambda question: written(stream(runner, asked(question)))[0], QUESTIONS))
    alone = written(stream(runner, asked(QUESTIONS[0])))[0]

    runner.close()
    # The same network with torch's attention: a second copy would take a second of loading and half a gigabyte.
    engine._network.set_attn_implementation("sdpa")
    prompts = [engine.request(asked(question), deadline=time.monotonic() + PATIENCE).prompt for question in QUESTIONS]
    assert engine._chat
    expected = [engine._chat.decode(greedy(engine._network, prompt, tokens=TOKENS)) for prompt in prompts]
    assert together == expected
    assert alone == expected[0]


def test_it_answers_from_a_passage(engine: GenerationEngine) -> None:
    engine._network.set_attn_implementation("ragsite_slots")
    with running(engine) as runner:
        text, end = written(stream(runner, asked(QUESTIONS[0])))
    assert "42" in text
    assert end.finish in {Finish.STOP, Finish.LENGTH}
