"""Adding a model of the folder of models, in a model worker: its files are read for a turn at a time, and then it is registered.

The digests of files that were read are kept with the task, so that whoever goes on with it reads the others alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.models.checkpoint import file_sha256
from apps.models.models import ModelTask, TaskState
from apps.models.services.digests import KeptFile, checkpoint_files
from apps.models.services.folders import folder_allowed
from apps.models.services.registry import checkpoint_usable, model_register
from apps.models.services.tasks import MODEL_TASK, MODEL_TASKS, TELL_SECONDS, task_end
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import LeaseLostError
from ragsite.core.leases import Claim
from ragsite.core.work import Turn


def folder_work(claim: Claim, turn: Turn, task: ModelTask) -> None:
    """Read what was not read yet, for a turn; once all was, the model is registered.

    Raises:
        As `model_task_work`.
    """
    path = folder_allowed(task.folder)
    connection_release()
    checkpoint = checkpoint_usable(path)
    reading = _Reading(claim, task, checkpoint.folder, checkpoint_files(checkpoint))
    files = reading.read(turn)
    if files is None:
        return
    size, actor = sum(file.bytes for file in files), Actor.kept(task.actor, job=MODEL_TASK)
    with transaction.atomic():
        version = model_register(source=path, name=task.name, files=files, actor=actor)
        ended = {
            "version": version,
            "revision": version.revision,
            "bytes_total": size,
            "bytes_done": size,
            "plan": None,
        }
        task_end(claim, TaskState.DONE, **ended)


@dataclass(slots=True)
class _Reading:
    """Files on the way to their digests. `known` has those of a file by its name, with its size and when it was changed."""

    claim: Claim
    task: ModelTask
    folder: Path
    files: list[Path]
    known: dict[str, list[Any]] = field(init=False)
    done: int = 0
    told_at: float = 0.0

    def __post_init__(self) -> None:
        self.known = dict(self.task.plan or {})

    def read(self, turn: Turn) -> list[KeptFile] | None:
        """All of them; None where the turn was over first.

        Raises:
            LeaseLostError: the task is somebody else's by now, or was cancelled.
        """
        found: list[KeptFile] = []
        for file in self.files:
            name, (size, changed) = str(file.relative_to(self.folder)), _state_of(file)
            if self.known.get(name, [])[:2] == [size, changed]:
                self.done += size
            elif turn.is_over():
                return None
            else:
                self.known[name] = [size, changed, file_sha256(file, told=self._tell)]
                self._write(plan=self.known)
            found.append(KeptFile(name, size, self.known[name][2]))
        return found

    def _tell(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self.told_at >= TELL_SECONDS:
            self._write()

    def _write(self, **columns: Any) -> None:
        self.told_at = time.monotonic()
        total = sum(_state_of(file)[0] for file in self.files)
        told = {"attempts": 1, "error": "", "bytes_done": self.done, "bytes_total": total, **columns}
        if not MODEL_TASKS.held(self.claim).filter(state=TaskState.OPEN).update(**told):
            raise LeaseLostError(f"{self.task} was cancelled, or is somebody else's.")
        connection_release()


def _state_of(file: Path) -> tuple[int, int]:
    state = file.stat()
    return state.st_size, state.st_mtime_ns
