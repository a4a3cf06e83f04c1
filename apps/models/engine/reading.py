"""Marks in passages what answers a question, with a local network for extractive question answering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering

from apps.models.checkpoint import Checkpoint
from apps.models.engine.pairs import PairEngine
from apps.models.engine.plan import batches
from apps.models.engine.tokenizer import PairIds
from apps.models.engine.windows import ReadPassage, WindowEncoder, reading_best
from apps.models.inputs import TextPair
from apps.models.reading import READING_WIDTH
from ragsite.core.errors import ModelUnavailableError


class ReadingEngine(PairEngine[ReadPassage]):
    """A question and a passage become the best span, its score and that of no answer."""

    architecture: ClassVar[Any] = AutoModelForQuestionAnswering
    _encoder: WindowEncoder | None = None

    @property
    def width(self) -> int:
        """The numbers of a `Reading`."""
        return READING_WIDTH

    def encode(self, texts: Sequence[TextPair]) -> list[ReadPassage]:
        """The tokens of each question with its passage. Any thread may call this while another computes."""
        if self._encoder is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        return self._encoder.encode(texts)

    def forward(self, batch: Sequence[ReadPassage]) -> np.ndarray:
        """Read the passages: float32 of shape (rows, READING_WIDTH). The network runs as often as their windows need."""
        network, _ = self._loaded()
        pairs = [window.pair for passage in batch for window in passage.windows]
        logits: dict[int, np.ndarray] = {}
        for rows in batches([len(pair) for pair in pairs], budget=self.batch_tokens, packed=self.packed):
            logits |= zip(rows, self._logits(network, [pairs[row] for row in rows]), strict=True)
        found, done = np.empty((len(batch), self.width), dtype=np.float32), 0
        for row, passage in enumerate(batch):
            of_windows = [logits[done + number] for number in range(len(passage.windows))]
            best = reading_best(passage.windows, of_windows)
            found[row] = best.start, best.end, best.score, best.no_answer_score
            done += len(passage.windows)
        return found

    def unload(self) -> None:
        """Give the memory back."""
        self._encoder = None
        super().unload()

    def _logits(self, network: Any, pairs: Sequence[PairIds]) -> list[np.ndarray]:
        """Of each pair's tokens, (tokens, 2): for being an answer's first and its last."""
        lengths = [len(pair) for pair in pairs]
        with torch.inference_mode():
            if self.packed:
                row = network.qa_outputs(self._pair_states(network, pairs).tokens).float()
                return np.split(self.transfers.download(row), np.cumsum(lengths)[:-1])
            marked = network(**self._padded_pairs(network, pairs))
            both = torch.stack([marked.start_logits, marked.end_logits], dim=-1).float()
            return [row[:length] for row, length in zip(self.transfers.download(both), lengths, strict=True)]

    def _prepare(self, checkpoint: Checkpoint) -> None:
        self._encoder = WindowEncoder(checkpoint.path, max_tokens=self.model.max_tokens)
