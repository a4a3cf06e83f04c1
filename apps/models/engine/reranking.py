"""Scores texts for a query with a local cross-encoder, which reads both together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from apps.models.checkpoint import Checkpoint, checkpoint_read
from apps.models.engine.framing import JudgeEncoder
from apps.models.engine.pairs import PairEngine
from apps.models.engine.tokenizer import PairEncoder, PairIds
from apps.models.inputs import TextPair
from ragsite.core.errors import ModelUnavailableError


class RerankingEngine(PairEngine[PairIds]):
    """A query and a text become a score: by a cross-encoder with one output, or a causal model's inclination to say yes."""

    architecture: ClassVar[Any] = AutoModelForSequenceClassification
    _encoder: PairEncoder | JudgeEncoder | None = None
    _answer: torch.Tensor | None = None

    @property
    def width(self) -> int:
        """One number, the score."""
        return 1

    def encode(self, texts: Sequence[TextPair]) -> list[PairIds]:
        """The tokens of each query with its text. Any thread may call this while another computes."""
        if self._encoder is None:
            raise ModelUnavailableError(f"The model {self.model.name!r} is not loaded.", code="model_unloaded")
        return self._encoder.encode(texts)

    def forward(self, batch: Sequence[PairIds]) -> np.ndarray:
        """Run the network once over a batch: float32 of shape (rows, 1), higher for what answers better."""
        answer = self._answer  # Before the network, which is given back first.
        network, _ = self._loaded()
        with torch.inference_mode():
            logits = self._logits(network, batch) if answer is None else self._judged_logits(network, batch, answer)
            return self.transfers.download(logits.float())

    def unload(self) -> None:
        """Give the memory back."""
        self._encoder = None
        super().unload()
        self._answer = None

    def _logits(self, network: Any, batch: Sequence[PairIds]) -> torch.Tensor:
        return self._packed_logits(network, batch) if self.packed else self._padded_logits(network, batch)

    def _judged_logits(self, network: Any, batch: Sequence[PairIds], answer: torch.Tensor) -> torch.Tensor:
        """How far each question's last token leans to yes, in float32."""
        return self._token_states(network, [pair.ids for pair in batch]).lasts().float() @ answer

    def _packed_logits(self, network: Any, batch: Sequence[PairIds]) -> torch.Tensor:
        """As the network's own head computes them, which looks at the first token of each row, where here are several texts."""
        firsts = self._pair_states(network, batch).firsts().unsqueeze(1)
        pooler = getattr(network.base_model, "pooler", None)
        logits: torch.Tensor = network.classifier(firsts if pooler is None else pooler(firsts))
        return logits

    def _padded_logits(self, network: Any, batch: Sequence[PairIds]) -> torch.Tensor:
        logits: torch.Tensor = network(**self._padded_pairs(network, batch)).logits
        return logits

    def _prepare(self, checkpoint: Checkpoint) -> None:
        encoder = JudgeEncoder if checkpoint.judge else PairEncoder
        self._encoder = encoder(checkpoint.path, max_tokens=self.model.max_tokens)

    def _load_network(self, architecture: Any = None) -> Any:
        """Of a judge its encoder alone stays, and the weights of the answers: of all tokens it could say next, these count."""
        if checkpoint_read(self.model.path).judge is None:
            return super()._load_network(architecture)
        network = super()._load_network(AutoModelForCausalLM)
        tokens = JudgeEncoder(self.model.path, max_tokens=self.model.max_tokens).answers()
        yes, *no = network.get_output_embeddings().weight.detach()[list(tokens)].float()
        self._answer = (yes - no[0] if no else yes).unsqueeze(1).to(self.device)
        return network.base_model
