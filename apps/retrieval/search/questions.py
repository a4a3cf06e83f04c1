"""A question becomes vectors: one for each embedding model among the generations that are searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from apps.models.gateway import SHARE, Deadline, Purpose, TextRole, embed
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
    """By the version of each model: the question with its vector, or why there is none. With a failure there may be the
    question by a smaller model, whose indexes are searched instead.
    """

    embedded: Mapping[UUID, Question] = field(default_factory=dict)
    failures: Mapping[UUID, RagError] = field(default_factory=dict)


NO_STANDBYS: Mapping[int, IndexGeneration] = {}
Known = EmbeddingModel | RagError
"""A model, or why it cannot be asked."""


@dataclass(frozen=True, slots=True)
class _Way:
    """Who is asked, and who after that."""

    model: Known
    smaller: Known | None = None


def questions_embed(
    text: str,
    generations: Sequence[IndexGeneration],
    *,
    deadline: Deadline,
    standbys: Mapping[int, IndexGeneration] = NO_STANDBYS,
) -> Questions:
    """The question by each model among the generations. One that does not answer takes no other's time. Where one has
    standbys, it gets a part of the time, and their model is asked if it does not answer.
    """
    behind = {one.model_version_id: standbys[one.pk].model_version_id for one in generations if one.pk in standbys}
    versions = _model_versions(generations)
    ways = [_Way(_known(version), _known(behind[version]) if version in behind else None) for version in versions]
    connection_release()
    embedded: dict[UUID, Question] = {}
    failures: dict[UUID, RagError] = {}
    for version, (question, error) in zip(versions, _asked(text, ways, deadline), strict=True):
        if question is not None:
            embedded[question.model.version_id] = question
        if error is not None:
            failures[version] = error
    return Questions(embedded, failures={one: error for one, error in failures.items() if one not in embedded})


def _known(version_id: UUID) -> Known:
    try:
        return embedding_model_version(version_id)
    except RagError as error:
        return error


Answer = tuple[Question | None, RagError | None]
"""The question by whoever answered, and why the one that was meant did not."""


def _asked(text: str, ways: Sequence[_Way], deadline: Deadline) -> list[Answer]:
    """What comes of each way; several are gone side by side."""
    if len(ways) < 2:
        return [_by_way(text, way, deadline) for way in ways]
    with ThreadPoolExecutor(len(ways)) as threads:
        # In the context of the request: for whom it is asked.
        asked = [threads.submit(copy_context().run, _by_way, text, way, deadline) for way in ways]
        return [one.result() for one in asked]


def _by_way(text: str, way: _Way, deadline: Deadline) -> Answer:
    if way.smaller is None:
        found = _embedded(text, way.model, deadline)
        return (found, None) if isinstance(found, Question) else (None, found)
    found = _embedded(text, way.model, Deadline.after(deadline.remaining() * SHARE))
    if isinstance(found, Question):
        return found, None
    instead = _embedded(text, way.smaller, deadline)
    return instead if isinstance(instead, Question) else None, found


def _embedded(text: str, model: Known, deadline: Deadline) -> Question | RagError:
    if isinstance(model, RagError):
        return model
    try:
        rows = embed([text], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=deadline)
        return Question(text, rows[0], model)
    except RagError as error:
        return error


def _model_versions(generations: Sequence[IndexGeneration]) -> list[UUID]:
    return list(dict.fromkeys(generation.model_version_id for generation in generations))
