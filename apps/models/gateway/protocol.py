"""What every transport offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from apps.models.embedding_model import EmbeddingModel
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose


class EmbeddingTransport(Protocol):
    """A way to a model."""

    def embed(self, texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
        """Embed `texts`, in their order: float32 of shape (n, model.dimensions), rows of length 1.

        Raises:
            ModelUnavailableError: nothing and nobody could do it for now.
            DeadlineExceededError: it was begun, or would have been, too late.
            PermanentError: the model is unknown, changed, too large or unusable.
        """
        ...
