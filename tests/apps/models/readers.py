"""A reader that has learned three answers and where there is none, in a second."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoModelForQuestionAnswering

from apps.models.engine.windows import Window, WindowEncoder
from tests.apps.models.making import reader_make

WHEN, WHERE = "When does the tenant pay the rent?", "At what does water boil?"
RENT = "The tenant pays the rent on the first day of each month."
WATER = "Water boils at one hundred degrees at the level of the sea."
LEARNED = [
    (WHEN, RENT, "on the first day of each month"),
    (WHERE, WATER, "one hundred degrees"),
    (WHERE, f"{RENT} {RENT} {RENT} {RENT} {WATER}", "one hundred degrees"),
    (WHEN, WATER, ""),
    (WHERE, RENT, ""),
]
"""Questions, passages (one of several windows), and the answers that stand in them."""

STEPS = 40


def reader_train(folder: Path) -> Path:
    """A reader that knows what it was taught, and nothing else; by one thread, as several would wait for each other."""
    reader_make(folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _taught(folder)
    finally:
        torch.set_num_threads(threads)
    return folder


def _taught(folder: Path) -> None:
    encoder = WindowEncoder(folder, max_tokens=48)
    read = encoder.encode([(question, passage) for question, passage, _ in LEARNED])
    told = [(window, lesson) for one, lesson in zip(read, LEARNED, strict=True) for window in one.windows]
    windows = [window for window, _ in told]
    marks = [_marks(window, passage, answer) for window, (_, passage, answer) in told]
    network = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32).eval()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        network(
            input_ids=_padded([window.pair.ids for window in windows]),
            token_type_ids=_padded([window.pair.types for window in windows]),
            attention_mask=_padded([[1] * len(window) for window in windows]),
            start_positions=torch.tensor([first for first, _ in marks]),
            end_positions=torch.tensor([last for _, last in marks]),
        ).loss.backward()
        optimizer.step()
    network.save_pretrained(folder)


def _marks(window: Window, passage: str, answer: str) -> tuple[int, int]:
    """The first and last token of the answer; twice the one before all where the window does not hold it."""
    start, end = passage.index(answer), passage.index(answer) + len(answer)
    starts, ends = ([span[side] for span in window.offsets] for side in (0, 1))
    if not answer or start not in starts or end not in ends:
        return 0, 0
    return window.first + starts.index(start), window.first + ends.index(end)


def _padded(rows: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])
