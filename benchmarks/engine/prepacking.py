"""What weights laid out for oneDNN save over torch's own layers, on this CPU.

    python -m benchmarks.engine.prepacking [--precision bfloat16] [--threads 2] [--rounds 9]

Two engines of all-MiniLM-L6-v2, one with its weights laid out and one without, embed the same texts in turns. It prints a line
for each kind of text: medians of the processor time in milliseconds, laid out and plain, and medians of the rounds' ratios plain
to laid out, of processor time and of time on the clock. In float32 the engine tries at loading which of the two is faster; here
it does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from apps.models.engine import cpu, transformer
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.layout import Layout
from apps.models.engine.settings import Device, EngineSettings, Precision
from benchmarks.engine.model import bundled_model, pieces


class LaidOutEngine(EmbeddingEngine):
    """Lays weights out whatever it computes in."""

    def _prepare_cpu(self, network: Any) -> None:
        with patch.object(cpu, "prepacks_bfloat16", return_value=True):
            cpu.weights_prepack(network)
        super()._prepare_cpu(network)


def main() -> None:
    parser = argparse.ArgumentParser(description="What weights laid out for oneDNN save on this CPU.")
    parser.add_argument("--precision", type=Precision, default=Precision.BFLOAT16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, {options.precision.value}")
    engines = _engines(EngineSettings(Device.CPU, options.precision, options.threads))
    for name, texts, times in _texts():
        took = np.array([[_cost(one, texts, times) for one in engines] for _ in range(options.rounds + 1)])[1:]
        (laid_out, plain), ratios = np.median(took[..., 0], axis=0), np.median(took[:, 1] / took[:, 0], axis=0)
        print(f"{name:25} {laid_out:8.1f} {plain:8.1f}   processor {ratios[0]:.2f}   clock {ratios[1]:.2f}")


def _engines(settings: EngineSettings) -> tuple[EmbeddingEngine, EmbeddingEngine]:
    model = bundled_model()
    laid_out, plain = LaidOutEngine(model, settings), EmbeddingEngine(model, settings)
    with patch.object(transformer, "layout_choose", return_value=Layout.ROW):
        laid_out.load()
        with patch.object(cpu, "prepacks_bfloat16", return_value=False):
            plain.load()
    return laid_out, plain


def _texts() -> list[tuple[str, list[str], int]]:
    """Kinds of text, and how often each is embedded in a round."""
    return [
        ("80 chunks", pieces(80, least=40, most=170), 1),
        ("300 sentences", pieces(300, least=8, most=30), 1),
        ("a question of nine words", pieces(1, least=9, most=9), 40),
    ]


def _cost(engine: EmbeddingEngine, texts: Sequence[str], times: int) -> tuple[float, float]:
    """Milliseconds of processor time, and on the clock, to embed the texts once."""
    processor, clock = time.process_time(), time.perf_counter()
    for _ in range(times):
        engine.embed(texts)
    return (time.process_time() - processor) / times * 1000, (time.perf_counter() - clock) / times * 1000


if __name__ == "__main__":
    main()
