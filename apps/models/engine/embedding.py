"""Computes embeddings with a local transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoModel

from apps.models.checkpoint import Checkpoint
from apps.models.engine.states import pool
from apps.models.engine.steps import Vectors, steps_load
from apps.models.engine.tokenizer import InputEncoder, TextIds
from apps.models.engine.transformer import TransformerEngine
from apps.models.engine.unchanged import CHANGED
from apps.models.inputs import RoleText
from apps.models.installed_model import EmbeddingModel
from apps.models.modules import Modules
from apps.models.prompts import TextRole
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError


class EmbeddingEngine(TransformerEngine[RoleText, TextIds]):
    """An embedding model: texts, each after the prompt of its role, become vectors of length 1."""

    architecture: ClassVar[Any] = AutoModel
    model: EmbeddingModel
    _encoder: InputEncoder | None = None
    _left_out: dict[TextRole, int]
    _steps: Sequence[Vectors] = ()

    @property
    def width(self) -> int:
        """As many numbers as its vectors have: all that the checkpoint makes, or the first ones."""
        return self.model.dimensions

    def embed(self, texts: Sequence[str], *, role: TextRole = TextRole.DOCUMENT) -> np.ndarray:
        """Embed texts, in the order given; what is past `max_tokens` of a text with its prompt is not seen.

        Returns:
            float32 of shape (n, dimensions), each row of length 1.
        """
        return self.run([(role, text) for text in texts])

    def encode(self, texts: Sequence[RoleText]) -> list[TextIds]:
        """The token ids of each text after its prompt. Any thread may call this while another computes."""
        if self._encoder is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        encoded = self._encoder.encode([self.model.prompts.of(role) + text for role, text in texts])
        return [TextIds(ids, self._left_out[role]) for ids, (role, _) in zip(encoded, texts, strict=True)]

    def forward(self, batch: Sequence[TextIds]) -> np.ndarray:
        """Run the network once over a batch: float32 of shape (rows, dimensions), rows of length 1."""
        steps = self._steps  # Before the network, which is given back first: so they are all there, or it is not.
        network, checkpoint = self._loaded()
        modules = _modules(checkpoint)
        with torch.inference_mode():
            states = self._token_states(network, [text.ids for text in batch])
            vectors = pool(states, modules.pooling, left_out=[text.left_out for text in batch])
            for step in steps:
                vectors = step(vectors)
            unit = torch.nn.functional.normalize(vectors[:, : self.width], dim=1)
            return self.transfers.download(unit)

    def unload(self) -> None:
        """Give the memory back."""
        self._encoder = None
        super().unload()
        self._steps = []

    def _prepare(self, checkpoint: Checkpoint) -> None:
        encoder = InputEncoder(checkpoint.path, max_tokens=self.model.max_tokens)
        modules, prompts = _modules(checkpoint), self.model.prompts
        self._left_out = {role: 0 if modules.pools_prompt else encoder.beginning(prompts.of(role)) for role in TextRole}
        self._steps = steps_load(modules.steps, self.device)
        self._encoder = encoder

    def _check_unchanged(self, checkpoint: Checkpoint) -> None:
        super()._check_unchanged(checkpoint)
        if (checkpoint.dimensions or 0) < self.model.dimensions:
            raise ModelNotFoundError(
                f"The model {self.model.name!r} now says it has {checkpoint.dimensions} dimensions, registered are "
                f"{self.model.dimensions}.",
                code="model_changed",
                action=CHANGED,
            )


def _modules(checkpoint: Checkpoint) -> Modules:
    if checkpoint.modules is None:
        raise TypeError(f"{checkpoint.kind} gives no vectors")
    return checkpoint.modules
