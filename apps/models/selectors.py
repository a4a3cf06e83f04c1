"""Reads of the model registry."""

from __future__ import annotations

import math
import time
from pathlib import Path
from uuid import UUID

from django.db.models import QuerySet

from apps.models.embedding_model import EmbeddingModel
from apps.models.models import ModelKind, ModelStatus, ModelVersion
from apps.models.reranker_model import RerankerModel
from ragsite.core.errors import ModelNotFoundError

REMEMBERED_SECONDS = 20.0
REGISTER = "Register one: `manage.py models register PATH`."

_remembered: dict[UUID, tuple[float, EmbeddingModel]] = {}


def embedding_model_default() -> EmbeddingModel:
    """The active version of the default embedding model.

    Raises:
        ModelNotFoundError: there is none.
    """
    version = _embedding_versions().filter(model__is_default=True, status=ModelStatus.ACTIVE).first()
    if version is None:
        raise ModelNotFoundError("No embedding model is registered as the default.", action=REGISTER)
    return embedding_model(version)


def embedding_model_version(version_id: UUID) -> EmbeddingModel:
    """A version by its id, whatever its status: indexes made with a retired version still need it.

    What a process knows of a version it asks for again after REMEMBERED_SECONDS: only its path can ever change.

    Raises:
        ModelNotFoundError: there is none with that id.
    """
    asked_at, model = _remembered.get(version_id, (-math.inf, None))
    if model is None or time.monotonic() - asked_at > REMEMBERED_SECONDS:
        model = _embedding_model_version(version_id)
        _remembered[version_id] = time.monotonic(), model
    return model


def _embedding_model_version(version_id: UUID) -> EmbeddingModel:
    version = _embedding_versions().filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No embedding model version has the id {version_id}.", action=REGISTER)
    return embedding_model(version)


def embedding_model_named(name_or_id: str) -> EmbeddingModel:
    """The active version of the embedding model of that name, or the version of that id.

    Raises:
        ModelNotFoundError: there is neither; the message names what there is.
    """
    active = _embedding_versions().filter(status=ModelStatus.ACTIVE)
    found = active.filter(model__name=name_or_id).first() or _version_of_id(name_or_id)
    if found is None:
        names = ", ".join(active.order_by("model__name").values_list("model__name", flat=True)) or "none"
        raise ModelNotFoundError(
            f"There is no embedding model {name_or_id!r}; registered: {names}.", action="Name one of these."
        )
    return embedding_model(found)


def _version_of_id(text: str) -> ModelVersion | None:
    try:
        return _embedding_versions().filter(pk=UUID(text)).first()
    except ValueError:
        return None


def reranker_default() -> RerankerModel | None:
    """The active version of the default reranker; None where none is registered."""
    active = _rerankers().filter(model__is_default=True, status=ModelStatus.ACTIVE).first()
    return reranker(active) if active else None


def reranker_version(version_id: UUID) -> RerankerModel:
    """A version by its id, whatever its status.

    Raises:
        ModelNotFoundError: there is none with that id.
    """
    version = _rerankers().filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No reranker version has the id {version_id}.", action=REGISTER)
    return reranker(version)


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, by model, newest first."""
    return ModelVersion.objects.select_related("model").order_by("model__kind", "model__name", "-id")


def embedding_model(version: ModelVersion) -> EmbeddingModel:
    """What engines need to know of a version."""
    return EmbeddingModel(
        version_id=version.pk,
        name=version.model.name,
        path=Path(version.path),
        sha256=version.sha256,
        dimensions=version.dimensions,
        max_tokens=version.max_tokens,
    )


def reranker(version: ModelVersion) -> RerankerModel:
    """What engines need to know of a reranker's version."""
    return RerankerModel(
        version_id=version.pk,
        name=version.model.name,
        path=Path(version.path),
        sha256=version.sha256,
        max_tokens=version.max_tokens,
    )


def _rerankers() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.select_related("model").filter(model__kind=ModelKind.RERANKER)


def _embedding_versions() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.select_related("model").filter(model__kind=ModelKind.EMBEDDING)
