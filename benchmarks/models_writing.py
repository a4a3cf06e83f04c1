"""What `benchmarks.models` measures of language models: our batch against transformers' own, and how soon a text begins.

SmolLM2 writes in a model worker, asked through the queue; then transformers has the same weights, numbers and cores to itself,
in this process. Only tokens that were asked for count: what a padded batch goes on writing for a text that has ended does not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from apps.models.checkpoint import checkpoint_read
from apps.models.engine.generation.chat import Chat
from apps.models.engine.generation.loading import network_load, tokenizer_load
from apps.models.engine.precision import device_choose, dtype_choose
from apps.models.engine.settings import Device, Precision
from apps.models.gateway import Deadline, Purpose, generate, set_transport
from apps.models.generation import GeneratedText, GenerationOptions, Message, Role
from apps.models.selectors import writer_default
from apps.models.services.registry import model_register
from benchmarks.place import PROJECT, say
from ragsite.core.actors import Actor

REQUESTS = 16
OTHERS = 8
PATIENCE = 300.0
COMMAND = ("-A", "workers.celery", "worker", "-Q", "generation", "--pool", "threads", "-c", "32", "--without-gossip",
           "--without-mingle", "--loglevel", "WARNING")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, and how much is to be written after it."""

    text: str
    tokens: int


def measure(rounds: int) -> dict[str, Any]:
    """Tokens a second of ours and of transformers' own ways, and the seconds to a first piece, alone and beside others."""
    model_register(source="smollm2", actor=Actor.of_command("benchmark"))
    model = writer_default()
    set_transport("queue")
    asked = _mixed()
    with _worker():
        _written(Asked("ready", 1), model)
        say("the worker is ready")
        ours, counts = zip(*(_together(asked, model) for _ in range(rounds)), strict=True)
        alone = [_first_piece(number, model) for number in range(rounds)]
        loaded = [_first_piece_beside_others(number, model) for number in range(rounds)]
    say(f"ours: {ours} tokens/s; first piece: {alone} s, beside others {loaded} s")
    theirs = _transformers(asked, useful=sum(counts[0]), model=model, rounds=rounds)
    rate = statistics.median(ours)
    return {
        "generation_vs_transformers": rate / max(theirs.values()),
        "generation_rates": {"queue": rate} | theirs,
        "first_piece_under_load": statistics.median(loaded) / statistics.median(alone),
        "first_piece_seconds": statistics.median(alone),
    }


def _mixed() -> list[Asked]:
    """Prompts and texts of different lengths, the same in every run."""
    words = (PROJECT / "samples" / "visitor-handbook.md").read_text(encoding="utf-8").split()
    return [
        Asked(f"Note {number}. {' '.join(words[: 40 + 53 * number % 240])}\n\nTell about this.", 16 + 37 * number % 96)
        for number in range(REQUESTS)
    ]


def _messages(asked: Asked) -> list[Message]:
    return [Message(Role.USER, asked.text)]


def _pieces(asked: Asked, model: Any) -> Iterator[Any]:
    return generate(
        _messages(asked), model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(PATIENCE),
        options=GenerationOptions(max_tokens=asked.tokens),
    )  # fmt: skip


def _written(asked: Asked, model: Any) -> int:
    """How many tokens were written."""
    *_, end = _pieces(asked, model)
    return int(end.completion_tokens)


def _together(asked: list[Asked], model: Any) -> tuple[float, tuple[int, ...]]:
    """Tokens a second of all requests at once, and how many each wrote."""
    began = time.perf_counter()
    with ThreadPoolExecutor(len(asked)) as callers:
        counts = tuple(callers.map(lambda one: _written(one, model), asked))
    return sum(counts) / (time.perf_counter() - began), counts


def _fresh(number: int, kind: str) -> Asked:
    """A prompt that nothing in the slots begins like."""
    words = (PROJECT / "samples" / "night-log.txt").read_text(encoding="utf-8").split()
    return Asked(f"{kind} {number}: {' '.join(words[number * 7 : number * 7 + 200])}\n\nSum this up.", 8)


def _first_piece(number: int, model: Any, kind: str = "alone") -> float:
    """Seconds until a text begins."""
    began = time.perf_counter()
    pieces = _pieces(_fresh(number, kind), model)
    next(piece for piece in pieces if piece != GeneratedText(""))
    took = time.perf_counter() - began
    list(pieces)
    return took


def _first_piece_beside_others(number: int, model: Any) -> float:
    """The same while others are being written."""
    others = [_pieces(Asked(f"{number} {other} Count from one to a thousand.", 400), model) for other in range(OTHERS)]
    with ThreadPoolExecutor(OTHERS) as callers:
        list(callers.map(next, others))
    took = _first_piece(number, model, kind="beside")
    for one in others:
        one.close()  # type: ignore[attr-defined]
    return took


@contextmanager
def _worker() -> Iterator[None]:
    environ = os.environ | {"RAGSITE_MODEL_TRANSPORT": "local", "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-m", "celery", *COMMAND]
    with subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=sys.stderr) as worker:
        try:
            yield
        finally:
            worker.terminate()
            worker.wait(60)


def _transformers(asked: list[Asked], *, useful: int, model: Any, rounds: int) -> dict[str, float]:
    """Useful tokens a second of each of transformers' own ways; what one does before it begins is not counted."""
    torch.set_num_threads(int(os.environ.get("RAGSITE_MODEL_THREADS", "2")))
    checkpoint = checkpoint_read(model.path)
    network = network_load(checkpoint, dtype_choose(Precision.AUTO, device_choose(Device.CPU)))
    chat = Chat(tokenizer_load(checkpoint))
    prompts = [chat.prompt(_messages(one)) for one in asked]
    limits = [one.tokens for one in asked]
    ways: dict[str, Callable[[], None]] = {
        f"generate, batches of {size}": lambda size=size: _padded(network, prompts, limits, size)  # type: ignore[misc]
        for size in (4, 16)
    }
    found = {name: useful / statistics.median([_clock(way) for _ in range(rounds)]) for name, way in ways.items()}
    found["generate_batch"] = useful / _generate_batch(network, prompts, limits, rounds)
    for name, rate in found.items():
        say(f"{name}: {rate:.1f} tokens/s")
    return found


def _clock(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _padded(network: Any, prompts: list[list[int]], limits: list[int], size: int) -> None:
    """Batches of texts about as long as each other, so that little is written for nothing."""

    order = sorted(range(len(prompts)), key=lambda row: limits[row])
    for at in range(0, len(order), size):
        rows = order[at : at + size]
        width = max(len(prompts[row]) for row in rows)
        ids = torch.tensor([[2] * (width - len(prompts[row])) + prompts[row] for row in rows])
        mask = torch.tensor([[0] * (width - len(prompts[row])) + [1] * len(prompts[row]) for row in rows])
        with torch.inference_mode():
            network.generate(
                ids,
                attention_mask=mask,
                do_sample=False,
                pad_token_id=2,
                max_new_tokens=max(limits[row] for row in rows),
            )


def _generate_batch(network: Any, prompts: list[list[int]], limits: list[int], rounds: int) -> float:
    """Seconds that transformers' continuous batching takes, each text with its own limit; its first round warms up."""
    config = GenerationConfig(do_sample=False, eos_token_id=2, pad_token_id=2, max_new_tokens=max(limits))
    seconds = []
    with network.continuous_batching_context_manager(generation_config=config) as manager:
        for turn in range(rounds + 1):
            began = time.perf_counter()
            for number, (prompt, limit) in enumerate(zip(prompts, limits, strict=True)):
                manager.add_request(prompt, request_id=f"{turn} {number}", max_new_tokens=limit)
            left = len(prompts)
            while left:
                answer = manager.get_result(timeout=1)
                left -= answer is not None and answer.is_finished()
                assert time.perf_counter() - began < PATIENCE, "generate_batch does not come to an end"
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])
