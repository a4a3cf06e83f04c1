"""Doing the work on the files of versions: in a model worker, for a turn at a time, under a lease."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction

from apps.models.checkpoint import checkpoint_read
from apps.models.errors import ChecksumMismatchError
from apps.models.models import ModelStatus, ModelTask, ModelVersion, TaskKind, TaskState
from apps.models.services.digests import KeptFile, folder_files, weights_digest
from apps.models.services.downloading import pull_cancel, pull_work
from apps.models.services.folder_work import folder_work
from apps.models.services.store import folder_remove
from apps.models.services.tasks import MODEL_TASK, MODEL_TASKS, task_end
from apps.models.services.versions import version_change, version_hold, version_move
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import ConflictError
from ragsite.core.leases import Claim
from ragsite.core.work import Turn


def model_task_work(claim: Claim, turn: Turn) -> None:
    """Work on the claimed task until it has ended or the turn is over.

    Raises:
        LeaseLostError: somebody else took over, or cancelled it.
        PermanentError: it cannot be done; the message says what to do.
        TransientError: the hub is away, or another process is at these files.
    """
    task = MODEL_TASKS.held(claim).select_related("version__model").get()
    if task.state == TaskState.CANCELLING:
        pull_cancel(claim, task)
    elif task.kind == TaskKind.PULL:
        pull_work(claim, turn, task)
    elif task.kind == TaskKind.FOLDER:
        folder_work(claim, turn, task)
    elif task.kind == TaskKind.VERIFY:
        _verify(claim, task)
    else:
        _remove(claim, task)


def _remove(claim: Claim, task: ModelTask) -> None:
    """Remove a folder, unless another version has the same files: with other prompts, or pulled again meanwhile."""
    shared = ModelVersion.objects.filter(path=task.folder).exists()
    connection_release()
    if not shared:
        folder_remove(task.folder)
    task_end(claim, TaskState.DONE)


def _verify(claim: Claim, task: ModelTask) -> None:
    """Read all files of the version again.

    Raises:
        ChecksumMismatchError: one is not what it was; `fail` sees to the version.
        ModelNotFoundError, UnsupportedModelError, UnsafeWeightsError: they are no checkpoint any more.
    """
    if task.version is None:
        raise ConflictError(f"{task.name} {task.revision} was removed meanwhile.")
    connection_release()
    files = files_whole(task.version)
    actor = Actor.kept(task.actor, job=MODEL_TASK)
    with transaction.atomic():
        version = version_hold(task.version)
        size = sum(file.bytes for file in files)
        kept: dict[str, Any] = {"files": [file.as_dict() for file in files], "bytes": size}
        if version.status == ModelStatus.FAILED:
            version_move(version, ModelStatus.READY, actor=actor, **kept)
        elif not version.files:
            version_change(version, "files", actor=actor, **kept)
        task_end(claim, TaskState.DONE, bytes_total=size, bytes_done=size)


def files_whole(version: ModelVersion) -> list[KeptFile]:
    """The files of a version, all of which were read and are what they were. Of a version from before they were kept only the
    weights are known.

    Raises:
        ChecksumMismatchError: one is missing or changed; it is named.
        ModelNotFoundError, UnsupportedModelError, UnsafeWeightsError: they are no checkpoint any more.
    """
    checkpoint = checkpoint_read(Path(version.path))
    files = folder_files(checkpoint)
    found = {file.name: file for file in files}
    for kept in (KeptFile(**one) for one in version.files):
        if found.get(kept.name) != kept:
            raise _changed(version, kept.name, "is missing" if kept.name not in found else "has changed")
    if weights_digest(checkpoint, files) != version.sha256:
        raise _changed(version, "Its weights", "have changed")
    return files


def _changed(version: ModelVersion, what: str, how: str) -> ChecksumMismatchError:
    return ChecksumMismatchError(
        f"{what} {how} since {version} was installed at {version.path!r}.",
        action="Put the files back and verify it, or remove it and pull it again.",
    )
