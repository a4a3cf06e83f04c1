"""A question becomes vectors: one for each embedding model among the generations that are searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.models.gateway import Deadline, Purpose, TextRole, embed
from apps.models.installed_model import EmbeddingModel
from apps.models.selectors import embedding_model_version
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its vector (d,) by `model`."""

    text: str
    vector: NDArray[np.float32]
    model: EmbeddingModel


@dataclass(frozen=True, slots=True)
class Questions:
    """By the version of each model: the question with its vector, or why there is none."""

    embedded: Mapping[UUID, Question] = field(default_factory=dict)
    failures: Mapping[UUID, RagError] = field(default_factory=dict)

    def first(self) -> Question:
        """The question with a vector of the first model that answered.

        Raises:
            RagError: none did; the first one's error.
        """
        for question in self.embedded.values():
            return question
        raise next(iter(self.failures.values()))


def questions_embed(text: str, generations: Sequence[IndexGeneration], *, deadline: Deadline) -> Questions:
    """The question by each model among the generations. One that does not answer takes no other's time."""
    models = [embedding_model_version(version_id) for version_id in _model_versions(generations)]
    connection_release()
    answers = {model.version_id: answer for model, answer in zip(models, _asked(text, models, deadline), strict=True)}
    return Questions(
        embedded={version_id: answer for version_id, answer in answers.items() if isinstance(answer, Question)},
        failures={version_id: answer for version_id, answer in answers.items() if isinstance(answer, RagError)},
    )


def _asked(text: str, models: Sequence[EmbeddingModel], deadline: Deadline) -> list[Question | RagError]:
    """What each model answers; several are asked side by side."""
    if len(models) < 2:
        return [_embedded(text, model, deadline) for model in models]
    with ThreadPoolExecutor(len(models)) as threads:
        # In the context of the request: for whom it is asked.
        asked = [threads.submit(copy_context().run, _embedded, text, model, deadline) for model in models]
        return [one.result() for one in asked]


def _embedded(text: str, model: EmbeddingModel, deadline: Deadline) -> Question | RagError:
    try:
        rows = embed([text], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=deadline)
        return Question(text, rows[0], model)
    except RagError as error:
        return error


def _model_versions(generations: Sequence[IndexGeneration]) -> list[UUID]:
    return list(dict.fromkeys(generation.model_version_id for generation in generations))
