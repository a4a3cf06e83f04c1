"""The calls that the rest of the system makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.models.embedding_model import EmbeddingModel
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
from apps.models.gateway.transport import current_transport
from apps.models.reranker_model import InstalledModel, RerankerModel
from ragsite.core.errors import ModelUnavailableError


def embed(texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
    """Embed `texts`, in their order: float32 of shape (n, model.dimensions), rows of length 1.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered is no embedding.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    deadline.check("the texts were sent to a model")
    if not texts:
        return np.empty((0, model.dimensions), dtype=np.float32)
    vectors = current_transport().embed(texts, model=model, purpose=purpose, deadline=deadline)
    _check(vectors, shape=(len(texts), model.dimensions), model=model, code="invalid_embedding")
    return vectors


def rerank(
    query: str, texts: Sequence[str], *, model: RerankerModel, purpose: Purpose, deadline: Deadline
) -> np.ndarray:
    """Score `texts` by how well each answers `query`, in their order: float32 of shape (n,), higher is better.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered are no scores.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    deadline.check("the texts were sent to a reranker")
    if not texts:
        return np.empty(0, dtype=np.float32)
    scores = current_transport().rerank(query, texts, model=model, purpose=purpose, deadline=deadline)
    _check(scores, shape=(len(texts),), model=model, code="invalid_scores")
    return scores


def _check(found: np.ndarray, *, shape: tuple[int, ...], model: InstalledModel, code: str) -> None:
    # Not left to the database: a single infinite value would make a stored vector unsearchable without a word.
    if found.shape != shape or not np.isfinite(found).all():
        raise ModelUnavailableError(
            f"The model {model.name!r} answered shape {found.shape} where {shape} finite numbers were due.",
            code=code,
            action="Check the model worker's log and the registered model's files.",
        )
