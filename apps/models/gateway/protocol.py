"""What every transport offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from apps.models.embedding_model import EmbeddingModel
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
from apps.models.reranker_model import RerankerModel


class EmbeddingTransport(Protocol):
    """A way to an embedding model."""

    def embed(self, texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
        """Embed `texts`, in their order: float32 of shape (n, model.dimensions), rows of length 1.

        Raises:
            ModelUnavailableError: nothing and nobody could do it for now.
            DeadlineExceededError: it was begun, or would have been, too late.
            PermanentError: the model is unknown, changed, too large or unusable.
        """
        ...


class RerankingTransport(Protocol):
    """A way to a reranker."""

    def rerank(
        self, query: str, texts: Sequence[str], *, model: RerankerModel, purpose: Purpose, deadline: Deadline
    ) -> np.ndarray:
        """Score `texts` by how well each answers `query`, in their order: float32 of shape (n,), higher is better.

        Scores compare within a call; they have no fixed range.

        Raises:
            ModelUnavailableError: nothing and nobody could do it for now.
            DeadlineExceededError: it was begun, or would have been, too late.
            PermanentError: the model is unknown, changed, too large or unusable.
        """
        ...


class ModelTransport(EmbeddingTransport, RerankingTransport, Protocol):
    """A way to every kind of model."""
