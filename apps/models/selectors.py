"""Reads of the model registry."""

from __future__ import annotations

import math
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid5

from django.db.models import QuerySet

from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.kinds import KINDS
from apps.models.models import MODEL_USABLE, TASK_OPEN, ModelStatus, ModelTask, ModelVersion
from apps.models.prompts import Prompts
from apps.models.servers.endpoint import Endpoint
from ragsite.core.configuration import GenerationSettings
from ragsite.core.environment import GENERATOR_KEY
from ragsite.core.errors import ModelNotFoundError

REMEMBERED_SECONDS = 20.0
REGISTER = "Register one: `manage.py models register PATH`."
INSTALL = "See `manage.py models list`; `models pull` downloads it again, and `models verify` checks it."

BY_ADDRESS = UUID("5f0f6f0e-6f0c-4e8b-9f0e-8c3c4d0e7a41")
"""Names what a setting gives the address of, and no row."""

_remembered: dict[tuple[UUID, ModelKind], tuple[float, InstalledModel]] = {}


def model_default(kind: ModelKind) -> InstalledModel | None:
    """The active version of the default model of that kind; None where none is registered."""
    active = _versions(kind).filter(model__is_default=True, status=ModelStatus.ACTIVE).first()
    return installed_model(active) if active else None


def model_version(version_id: UUID, *, kind: ModelKind) -> InstalledModel:
    """A version by its id, also a retired one: indexes made with it still need it.

    What a process knows of a version it asks for again after REMEMBERED_SECONDS.

    Raises:
        ModelNotFoundError: there is none with that id, or its files are not whole.
    """
    asked_at, model = _remembered.get((version_id, kind), (-math.inf, None))
    if model is None or time.monotonic() - asked_at > REMEMBERED_SECONDS:
        model = _model_version(version_id, kind)
        _remembered[version_id, kind] = time.monotonic(), model
    return model


def model_named(name_or_id: str, *, kind: ModelKind) -> InstalledModel:
    """The active version of the model of that name, or the version of that id.

    Raises:
        ModelNotFoundError: there is neither; the message names what there is.
    """
    active = _versions(kind).filter(status=ModelStatus.ACTIVE)
    found = active.filter(model__name=name_or_id).first() or _version_of_id(name_or_id, kind)
    if found is None:
        names = ", ".join(active.order_by("model__name").values_list("model__name", flat=True)) or "none"
        raise ModelNotFoundError(
            f"There is no {kind} model {name_or_id!r}; registered: {names}.", action="Name one of these."
        )
    return installed_model(found)


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, by model, newest first."""
    return ModelVersion.objects.select_related("model").order_by("kind", "model__name", "-id")


def model_tasks_open() -> QuerySet[ModelTask]:
    """Work on files of models that has not ended, the oldest first."""
    return ModelTask.objects.filter(state__in=TASK_OPEN).order_by("id")


def installed_model(version: ModelVersion) -> InstalledModel:
    """What engines and transports need to know of a version, as its kind's row has it."""
    known: dict[str, Any] = {
        "version_id": version.pk,
        "name": version.model.name,
        "path": Path(version.path),
        "sha256": version.sha256,
        "max_tokens": version.max_tokens or 0,
        "endpoint": endpoint_of(version),
        "kind": ModelKind(version.kind),
        "dimensions": version.dimensions,
        "prompts": Prompts(version.query_prompt, version.document_prompt),
        "fallback": version.fallback_id,
    }
    model = KINDS[ModelKind(version.kind)].model
    return model(**{field.name: known[field.name] for field in fields(model) if field.init})


def endpoint_of(version: ModelVersion) -> Endpoint | None:
    """Where a version is reached that a server runs; None for one whose files are here."""
    if not version.urls:
        return None
    return Endpoint(tuple(version.urls), version.server_model, version.key_sealed, version.key_env)


def prompts_shown(row: ModelVersion | ModelTask) -> str | None:
    """Prompts as people read them, blanks and ends of lines visible; None where there are none."""
    prompts = {"query": row.query_prompt, "document": row.document_prompt}
    return ", ".join(f"{role} {prompt!r}" for role, prompt in prompts.items() if prompt) or None


def embedding_model_default() -> EmbeddingModel:
    """The active version of the default embedding model.

    Raises:
        ModelNotFoundError: there is none.
    """
    model = model_default(ModelKind.EMBEDDING)
    if model is None:
        raise ModelNotFoundError("No embedding model is registered as the default.", action=REGISTER)
    return cast(EmbeddingModel, model)


def embedding_model_version(version_id: UUID) -> EmbeddingModel:
    """As `model_version`, of the embedding models."""
    return cast(EmbeddingModel, model_version(version_id, kind=ModelKind.EMBEDDING))


def embedding_model_named(name_or_id: str) -> EmbeddingModel:
    """As `model_named`, of the embedding models."""
    return cast(EmbeddingModel, model_named(name_or_id, kind=ModelKind.EMBEDDING))


def reranker_default() -> InstalledModel | None:
    """The reranker in use; None where none is registered."""
    return model_default(ModelKind.RERANKING)


def reader_default() -> InstalledModel | None:
    """The model that marks answers in passages; None where none is registered."""
    return model_default(ModelKind.READING)


def model_behind(model: InstalledModel) -> InstalledModel | None:
    """The smaller version that answers where this one does not; None where it has none that can be used."""
    if model.fallback is None:
        return None
    try:
        return model_version(model.fallback, kind=model.kind)
    except ModelNotFoundError:
        return None


def writer_default() -> InstalledModel | None:
    """The default language model; None where none is registered."""
    return model_default(ModelKind.GENERATION)


def writer_in_use() -> InstalledModel | None:
    """The language model that writes answers: the one that the setting names, else the default one; None for none."""
    how = GenerationSettings.current()
    if how.generator == "extractive":
        return None
    if (address := how.address) is None:
        return writer_default()
    return InstalledModel(
        version_id=uuid5(BY_ADDRESS, how.generator),
        name=address.model,
        path=Path(),
        sha256="",
        max_tokens=0,
        kind=ModelKind.GENERATION,
        endpoint=Endpoint(address.urls, address.model, key_env=GENERATOR_KEY),
    )


def _model_version(version_id: UUID, kind: ModelKind) -> InstalledModel:
    version = _versions(kind).filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No {kind} model version has the id {version_id}.", action=REGISTER)
    if version.status not in MODEL_USABLE:
        why = f": {version.error}" if version.error else ""
        raise ModelNotFoundError(f"The model version {version} is {version.status}{why}", action=INSTALL)
    return installed_model(version)


def _version_of_id(text: str, kind: ModelKind) -> ModelVersion | None:
    try:
        return _versions(kind).filter(pk=UUID(text), status__in=MODEL_USABLE).first()
    except ValueError:
        return None


def _versions(kind: ModelKind) -> QuerySet[ModelVersion]:
    return ModelVersion.objects.select_related("model").filter(kind=kind)
