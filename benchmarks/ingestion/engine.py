"""The embedding engine by itself, and beside sentence-transformers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.installed_model import EmbeddingModel

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


def engine(model: EmbeddingModel, *, threads: int, precision: Precision = Precision.AUTO) -> EmbeddingEngine:
    """A loaded engine, as a model worker holds one, warmed up."""
    made = EmbeddingEngine(model, EngineSettings(threads=threads, precision=precision))
    made.load()
    made.embed(["A sentence that warms the engine up."] * 8)
    return made


def compare(
    model: EmbeddingModel, texts: Sequence[str], *, threads: int, rounds: int, precision: Precision
) -> dict[str, float]:
    """Our texts/s over theirs, the median of rounds in turn, and the lowest cosine of ours to our own in float32."""
    ours, theirs = engine(model, threads=threads, precision=precision), _sentence_transformer(model, threads=threads)
    ratios = [seconds_of(theirs, texts) / seconds_of(ours.embed, texts) for _ in range(rounds)]
    exact = engine(model, threads=threads, precision=Precision.FLOAT32).embed(texts)
    cosines = (ours.embed(texts) * exact).sum(axis=1)
    return {"engine_vs_sentence_transformers": float(np.median(ratios)), "min_cosine": float(cosines.min())}


def seconds_of(encode: Encode, texts: Sequence[str]) -> float:
    """How long it takes to embed the texts."""
    started = time.perf_counter()
    encode(texts)
    return time.perf_counter() - started


def _sentence_transformer(model: EmbeddingModel, *, threads: int) -> Encode:
    transformer = SentenceTransformer(str(model.path), device="cpu", local_files_only=True)
    transformer.encode(["A sentence that warms the model up."] * 8)

    def encode(texts: Sequence[str]) -> Any:
        torch.set_num_threads(threads)
        return transformer.encode(list(texts), show_progress_bar=False)

    return encode
