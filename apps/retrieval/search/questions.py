"""A question becomes vectors: one for each embedding model among the generations that are searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.models.embedding_model import EmbeddingModel
from apps.models.gateway import Deadline, Purpose, embed
from apps.models.selectors import embedding_model_version
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import connection_release


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its vector (d,) by `model`."""

    text: str
    vector: NDArray[np.float32]
    model: EmbeddingModel


def questions_embed(text: str, generations: Sequence[IndexGeneration], *, deadline: Deadline) -> dict[UUID, Question]:
    """The question with its vector, by the version of each model among the generations.

    Raises:
        ModelUnavailableError: no model worker answered before the deadline.
    """
    models = {version_id: embedding_model_version(version_id) for version_id in _model_versions(generations)}
    connection_release()
    return {
        version_id: Question(text, embed([text], model=model, purpose=Purpose.QUERY, deadline=deadline)[0], model)
        for version_id, model in models.items()
    }


def _model_versions(generations: Sequence[IndexGeneration]) -> list[UUID]:
    return list(dict.fromkeys(generation.model_version_id for generation in generations))
