"""Work on the files of versions: asked for here, done by a model worker. Imports no client of a hub: every process asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from apps.models.models import (
    MODEL_USABLE,
    TASK_OPEN,
    ModelStatus,
    ModelTask,
    ModelVersion,
    TaskKind,
    TaskState,
)
from apps.models.prompts import Prompts, prompts_checked
from apps.models.services.choices import NO_CHOICES, VersionChoices
from apps.models.services.repositories import revision_check
from apps.models.services.store import BUSY
from apps.models.services.versions import version_found, version_hold, version_move
from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import ConflictError, LeaseLostError, ModelNotFoundError, PermanentError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Advice, LeasedRows, Turn, rows_work

MODEL_TASK = "model-task"
"""The job's name for those who ring."""

WORK = "apps.models.services.task_work.model_task_work"
TURN_SECONDS = 2.0
TELL_SECONDS = 1.0

ADVICE = Advice(too_slow="Look at the model worker's log, then ask for it again.")
SHA256_DIGITS = 64
FILE_DIGITS = 50
"""Of a file's name in a version's."""


class ModelTasks(LeasedRows):
    """Open tasks; the one that has waited longest comes first, and one that had its turn goes behind the others."""

    model, what = ModelTask, "the work on the model's files"

    def open(self) -> QuerySet[ModelTask]:
        return ModelTask.objects.filter(state__in=TASK_OPEN).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        with transaction.atomic():
            task = self.held(claim).select_related("version").first()
            if task is None:
                return
            if task.version is not None:
                _version_fail(task, error)
            self.held(claim).update(state=TaskState.FAILED, ended_at=Now(), error=error.sentence, **RELEASED)

    def give_back(self, claim: Claim) -> None:
        self.held(claim).update(not_before=Now())
        super().give_back(claim)

    def postpone(self, claim: Claim, error: RagError) -> None:
        """Waits for files that another process is at as long as it takes, without counting an attempt."""
        if error.error_code == BUSY:
            self.held(claim).update(attempts=F("attempts") - 1)
        super().postpone(claim, error)


MODEL_TASKS = ModelTasks()


def model_pull(
    *,
    source: str,
    revision: str | None,
    name: str = "",
    file: str = "",
    sha256: str = "",
    choices: VersionChoices = NO_CHOICES,
    actor: Actor,
) -> ModelTask:
    """Ask for the download of a hub's repository at a commit. `file` names the weights where there are several to choose, and
    `sha256` says what the weights must be. What is asked for already is not asked for twice. With other `choices` the same files
    are another version.

    Raises:
        ModelNotFoundError: `source` is no hub id.
        PermanentError: (code `unpinned_revision`) `revision` is no commit; or a name or prompt is too long, or the digest none.
        ConflictError: this version is installed, or is being pulled with other choices.
    """
    commit = revision_check(source, revision)
    asked = {
        "name": name or source,
        "revision": _version_name(commit, file),
        "source": source,
        "commit": commit,
        "file": file,
    }
    lengths_check(ModelTask, **asked)
    _check_sha256(sha256)
    prompts_checked(Prompts(choices.query_prompt or "", choices.document_prompt or ""))
    version = version_to_pull(asked["name"], asked["revision"], choices)
    return task_open(TaskKind.PULL, version, sha256=sha256.lower(), actor=actor, **asked, **asdict(choices))


def version_to_pull(name: str, revision: str, choices: VersionChoices) -> ModelVersion | None:
    """The version that a download is to make whole; None if it makes another. One that was whole before keeps its prompts and
    dimensions, so only without choices is it meant.

    Raises:
        ConflictError: it is installed.
    """
    known = ModelVersion.objects.select_related("model").filter(model__name=name, revision=revision)
    if choices != NO_CHOICES:
        return known.exclude(status__in=MODEL_USABLE).filter(sha256="").first()
    if installed := known.filter(status__in=MODEL_USABLE).first():
        raise ConflictError(
            f"{installed} is installed: it is {installed.status}.",
            action="Check it by `models verify`. With other prompts or dimensions it is another version: give them.",
        )
    return known.first()


def model_verify(*, version_id: UUID, actor: Actor) -> ModelTask:
    """Ask for all files of a version to be read again and compared with what they were. One that is not whole fails, and is not
    loaded any more; one that failed and is whole is ready again.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: it was never downloaded.
    """
    version = version_found(version_id)
    if version.is_remote:
        raise ConflictError(
            f"{version} is run by a server, so there are no files to check.",
            action="Ask it by `manage.py models test`.",
        )
    if not version.path or not version.sha256:
        raise ConflictError(f"{version} has no files: it is {version.status}.", action="Download it by `models pull`.")
    about = {"name": version.model.name, "revision": version.revision, "source": version.source}
    return task_open(TaskKind.VERIFY, version, actor=actor, **about)


def model_task_cancel(*, task_id: UUID, actor: Actor) -> ModelTask:
    """End a task that has not ended. What was downloaded is removed by the worker that is at it, or by the next one.

    Raises:
        ModelNotFoundError: there is no such task.
        ConflictError: it has ended, or removes files.
    """
    task = ModelTask.objects.filter(pk=task_id).first()
    if task is None:
        raise ModelNotFoundError(f"No work on a model has the id {task_id}.", action="See `manage.py models list`.")
    cancellable = ModelTask.objects.filter(pk=task_id, state=TaskState.OPEN).exclude(kind=TaskKind.REMOVE)
    with transaction.atomic():
        if not cancellable.update(state=TaskState.CANCELLING, attempts=0, not_before=Now(), actor=actor.as_dict()):
            raise ConflictError(f"{task} is {task.state}; it cannot be cancelled.")
        ring(MODEL_TASK)
        change_log(f"{task} was cancelled", actor=actor, action="model_task.cancelled", of=task)
    task.refresh_from_db()
    return task


def task_follow(task: ModelTask, *, told: Callable[[ModelTask], None]) -> ModelTask:
    """Wait until a task has ended, and do its work here where no worker is at it; `told` is called from time to time.

    It is done under the same lease as anywhere, so an interruption loses nothing.
    """
    work = import_string(WORK)
    while task.state in TASK_OPEN:
        claimed = rows_work(MODEL_TASKS, work, turn=Turn.of(TURN_SECONDS), advice=ADVICE, among=Q(pk=task.pk))
        task.refresh_from_db()
        told(task)
        if not claimed and task.state in TASK_OPEN:
            MODEL_TASKS.give_up()
            time.sleep(TELL_SECONDS)
    return task


def task_end(claim: Claim, state: TaskState, **columns: Any) -> None:
    """Note that the claimed task came to its end.

    Raises:
        LeaseLostError: it is somebody else's by now.
    """
    ended = {"state": state, "ended_at": Now(), "error": "", "attempts": 0, **RELEASED, **columns}
    if not MODEL_TASKS.held(claim).update(**ended):
        raise LeaseLostError(f"The lease on the task {claim.ids[0]} was lost; this end of it does not count.")


def task_open(kind: TaskKind, version: ModelVersion | None, *, actor: Actor, **columns: Any) -> ModelTask:
    """Note a task and wake a worker; the one that is open already where there is one of the same kind, name and revision.

    Raises:
        ConflictError: that one is with other choices.
    """
    try:
        with transaction.atomic():
            task = ModelTask.objects.create(kind=kind, version=version, actor=actor.as_dict(), **columns)
            ring(MODEL_TASK)
            change_log(f"{task} was asked for", actor=actor, action="model_task.asked", of=task)
    except IntegrityError:
        same = ModelTask.objects.filter(kind=kind, name=columns["name"], revision=columns["revision"])
        found = same.filter(state__in=TASK_OPEN).first()
        if found is None:
            raise
        if differing := [name for name in asdict(NO_CHOICES) if getattr(found, name) != columns.get(name)]:
            raise ConflictError(
                f"{found} is under way with another {differing[0].replace('_', ' ')}.",
                action="Wait for it, or cancel it.",
            ) from None
        return found
    return task


def _version_name(commit: str, file: str) -> str:
    """Of a repository with several weights each is a version; a commit's digits are cut where a file's name must fit too."""
    if not file:
        return commit
    return f"{commit[:12]} {file[-FILE_DIGITS:]}"


def _check_sha256(sha256: str) -> None:
    if sha256 and (len(sha256) != SHA256_DIGITS or set(sha256.lower()) - set("0123456789abcdef")):
        raise PermanentError(f"{sha256[:80]!r} is no SHA-256.", action="Give its 64 hexadecimal digits.")


def _version_fail(task: ModelTask, error: RagError) -> None:
    """A version that was being downloaded, or whose files a check found to be damaged; another keeps its state."""
    assert task.version is not None  # noqa: S101 - the caller asked
    version = version_hold(task.version)
    downloading = task.kind == TaskKind.PULL and version.status == ModelStatus.DOWNLOADING
    damaged = task.kind == TaskKind.VERIFY and error.error_code in DAMAGED and version.status in MODEL_USABLE
    if downloading or damaged:
        version_move(version, ModelStatus.FAILED, actor=Actor.kept(task.actor, job=MODEL_TASK), error=error.sentence)


DAMAGED = frozenset({"checksum_mismatch", "model_not_found", "unsupported_model", "unsafe_weights"})
"""Codes of what a check finds out about the files themselves."""
