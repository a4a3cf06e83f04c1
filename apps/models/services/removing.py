"""Removing a version that nothing needs, and its files where they were downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import models, transaction

from apps.models.events import ModelRemoved
from apps.models.models import TASK_OPEN, Model, ModelStatus, ModelTask, ModelVersion, TaskKind
from apps.models.services.store import in_store
from apps.models.services.tasks import MODEL_TASK
from apps.models.services.versions import told_of, version_found
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError
from ragsite.core.jobs import ring
from ragsite.core.locking import rows_hold_to_remove
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of

NAMED = 3
"""Of what needs a version, so many are named."""


def model_version_etag(version: ModelVersion) -> str:
    """By what an operator changes of it, and how it stands."""
    return etag_of(version, "id", "status", "revision", "urls", "server_model", "fallback_id", "error")


def model_remove(*, version_id: UUID, actor: Actor, condition: Condition = UNCONDITIONAL) -> ModelTask | None:
    """Forget a version, and its model with its last one. A worker removes the files that were downloaded, which is the task. A
    folder that somebody registered stays as it is.

    Raises:
        ModelNotFoundError: there is no such version.
        PreconditionFailedError: it is not as the condition says; it stays.
        ConflictError: an index generation needs it, it is in use beside others, or work on its files has not ended.
    """
    version = version_found(version_id)
    with transaction.atomic():
        own = Model.objects.filter(pk=version.model_id), ModelVersion.objects.filter(pk=version.pk)
        rows_hold_to_remove(*own, *_going_along(version))
        version = version_found(version_id)
        condition.check(model_version_etag(version))
        _check_unneeded(version)
        emit(ModelRemoved(**told_of(version)), actor=actor)
        task = _files_remove(version, actor) if _was_downloaded(version) else None
        model = version.model
        version.delete()
        if not ModelVersion.objects.filter(model=model.pk).exists():
            model.delete()
    return task


def _going_along(version: ModelVersion) -> list[models.QuerySet[Any]]:
    """Rows that are removed with the version, table by table."""
    relations: Iterable[Any] = ModelVersion._meta.related_objects
    return [
        relation.related_model._base_manager.filter(**{relation.field.name: version.pk})
        for relation in relations if relation.on_delete is models.CASCADE
    ]  # fmt: skip


def _was_downloaded(version: ModelVersion) -> bool:
    """Of a folder that somebody put there and registered, the path is the source."""
    return in_store(version.path) and not Path(version.source).is_absolute()


def needed_by(version: ModelVersion) -> list[str]:
    """What refers to a version and cannot do without it, in words."""
    found: list[str] = []
    relations: Iterable[Any] = ModelVersion._meta.related_objects
    for relation in relations:
        if relation.on_delete is models.PROTECT:
            rows = relation.related_model._base_manager.filter(**{relation.field.name: version.pk})
            found += [_named(row) for row in rows.order_by("pk")[: NAMED + 1]]
    return found


def _check_unneeded(version: ModelVersion) -> None:
    if needed := needed_by(version):
        raise ConflictError(
            f"{version} is needed by {_listed(needed)}.",
            action="Re-index with another model, drop the generations that are kept, and let no version fall back to it.",
        )
    others = ModelVersion.objects.filter(model=version.model_id).exclude(pk=version.pk)
    if version.status == ModelStatus.ACTIVE and others.exists():
        raise ConflictError(f"{version} is in use.", action="Activate another version of it first.")
    if ModelTask.objects.filter(version=version, state__in=TASK_OPEN).exists():
        raise ConflictError(f"Work on the files of {version} has not ended.", action="Wait for it, or cancel it.")


def _files_remove(version: ModelVersion, actor: Actor) -> ModelTask:
    task = ModelTask.objects.create(
        kind=TaskKind.REMOVE, name=version.model.name, revision=version.revision, source=version.source,
        folder=version.path, actor=actor.as_dict(),
    )  # fmt: skip
    ring(MODEL_TASK)
    return task


def _named(row: Any) -> str:
    state = getattr(row, "state", "")
    return f"{row} ({state})" if state else str(row)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
