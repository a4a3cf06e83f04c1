"""Engines that write, and what they are held against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from apps.models.engine.generation.engine import GenerationEngine
from apps.models.engine.generation.runner import GenerationRunner
from apps.models.engine.settings import Device, EngineSettings, Precision
from apps.models.generation import (
    Conversation,
    GeneratedText,
    GenerationEnd,
    GenerationOptions,
    GenerationPiece,
    Message,
    Role,
)
from apps.models.installed_model import InstalledModel
from apps.models.priority import Priority

PATIENCE = 150.0


def engine_load(model: InstalledModel, **settings: Any) -> GenerationEngine:
    """On a CPU in float32, so that it can be held against `generate` token by token."""
    chosen: dict[str, Any] = {
        "device": Device.CPU,
        "precision": Precision.FLOAT32,
        "threads": 1,
        "slots": 3,
        "slot_tokens": 512,
    }
    engine = GenerationEngine(model, EngineSettings(**chosen | settings))
    engine.load()
    return engine


@contextmanager
def running(engine: GenerationEngine) -> Iterator[GenerationRunner]:
    runner = engine.runner()
    try:
        yield runner
    finally:
        runner.close(drain=False, timeout=PATIENCE)


def conversation(text: str, *, system: str = "Be short.", **options: Any) -> Conversation:
    return Conversation((Message(Role.SYSTEM, system), Message(Role.USER, text)), GenerationOptions(**options))


def stream(
    runner: GenerationRunner,
    said: Conversation,
    *,
    priority: Priority = Priority.INTERACTIVE,
    seconds: float = PATIENCE,
) -> Iterator[GenerationPiece]:
    return runner.stream(said, priority=priority, deadline=time.monotonic() + seconds)


def written(pieces: Iterable[GenerationPiece]) -> tuple[str, GenerationEnd]:
    """The text, and how it ended."""
    taken = list(pieces)
    assert isinstance(taken[-1], GenerationEnd)
    return "".join(piece.text for piece in taken if isinstance(piece, GeneratedText)), taken[-1]


@lru_cache(4)
def reference(path: Path) -> Any:
    """The same weights in transformers' own hands."""
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def greedy(network: Any, prompt: list[int], *, tokens: int) -> list[int]:
    """What `generate` writes after a prompt."""
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        found = network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
    return [int(token) for token in found[0, len(prompt) :]]
