"""The calls that the rest of the system makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from apps.models.embedding_model import EmbeddingModel
from apps.models.gateway.deadline import Deadline
from apps.models.gateway.protocol import ModelCall
from apps.models.gateway.purpose import Purpose
from apps.models.gateway.transport import current_transport
from apps.models.inputs import QueryTexts, Texts
from apps.models.installed_model import InstalledModel
from ragsite.core.errors import ModelUnavailableError


def embed(texts: Sequence[str], *, model: EmbeddingModel, purpose: Purpose, deadline: Deadline) -> np.ndarray:
    """Embed `texts`, in their order: float32 of shape (n, model.dimensions), rows of length 1.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered is no embedding.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    call = ModelCall(model, Texts(tuple(texts)), purpose, deadline)
    return _rows(call, width=model.dimensions, invalid="invalid_embedding")


def rerank(
    query: str, texts: Sequence[str], *, model: InstalledModel, purpose: Purpose, deadline: Deadline
) -> np.ndarray:
    """Score `texts` by how well each answers `query`, in their order: float32 of shape (n,), higher is better.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered are no scores.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    call = ModelCall(model, QueryTexts(query, tuple(texts)), purpose, deadline)
    return _rows(call, width=1, invalid="invalid_scores")[:, 0]


def _rows(call: ModelCall, *, width: int, invalid: str) -> np.ndarray:
    """A row for each item, which nobody is asked for where there is none."""
    call.deadline.check("the texts were sent to a model")
    shape = (len(call.inputs.items()), width)
    if shape[0] == 0:
        return np.empty(shape, dtype=np.float32)
    found = current_transport().run(call)
    # Not left to the database: a single infinite value would make a stored vector unsearchable without a word.
    if found.shape != shape or not np.isfinite(found).all():
        raise ModelUnavailableError(
            f"The model {call.model.name!r} answered shape {found.shape} where {shape} finite numbers were due.",
            code=invalid,
            action="Check the model worker's log and the registered model's files.",
        )
    return found
