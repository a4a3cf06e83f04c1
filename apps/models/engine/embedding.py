"""Computes embeddings with a local transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoModel

from apps.models.checkpoint import Checkpoint, Pooling
from apps.models.engine.tokenizer import InputEncoder, TokenIds
from apps.models.engine.transformer import TransformerEngine
from apps.models.engine.unchanged import CHANGED
from apps.models.installed_model import EmbeddingModel
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError


class EmbeddingEngine(TransformerEngine[str, TokenIds]):
    """An embedding model: texts become vectors of length 1."""

    architecture: ClassVar[Any] = AutoModel
    model: EmbeddingModel
    _encoder: InputEncoder | None = None

    @property
    def width(self) -> int:
        """As many numbers as its vectors have."""
        return self.model.dimensions

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts, in the order given; what is past `max_tokens` of a text is not seen.

        Returns:
            float32 of shape (n, dimensions), each row of length 1.
        """
        return self.run(texts)

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """The token ids of each text. Any thread may call this while another computes."""
        if self._encoder is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        return self._encoder.encode(texts)

    def forward(self, batch: Sequence[TokenIds]) -> np.ndarray:
        """Run the network once over a batch: float32 of shape (rows, dimensions), rows of length 1."""
        network, checkpoint = self._loaded()
        with torch.inference_mode():
            pooled = pool(self._token_states(network, batch), checkpoint.pooling)
            unit = torch.nn.functional.normalize(pooled, dim=1)
        vectors: np.ndarray = unit.cpu().numpy()
        return vectors

    def unload(self) -> None:
        """Give the memory back."""
        self._encoder = None
        super().unload()

    def _prepare(self, checkpoint: Checkpoint) -> None:
        self._encoder = InputEncoder(checkpoint.path, max_tokens=self.model.max_tokens)

    def _check_unchanged(self, checkpoint: Checkpoint) -> None:
        super()._check_unchanged(checkpoint)
        if checkpoint.dimensions != self.model.dimensions:
            raise ModelNotFoundError(
                f"The model {self.model.name!r} now says it has {checkpoint.dimensions} dimensions, registered are "
                f"{self.model.dimensions}.",
                code="model_changed",
                action=CHANGED,
            )


def pool(texts: Sequence[torch.Tensor], pooling: Pooling) -> torch.Tensor:
    """One vector a text, in float32, from the states of each text's tokens: (tokens, width)."""
    if pooling is Pooling.CLS:
        return torch.stack([states[0] for states in texts]).float()
    return torch.stack([states.mean(dim=0, dtype=torch.float32) for states in texts])
