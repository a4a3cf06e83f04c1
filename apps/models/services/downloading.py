"""Downloading a version. It goes on where it stopped, whoever stopped it: a file gets its name once it was checked, and is called
`….part` until then; the folder gets its name once all of it is a checkpoint.
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.db import transaction
from django.db.models import F, Sum
from transformers import CONFIG_MAPPING

from apps.models.checkpoint import Checkpoint, file_sha256
from apps.models.errors import ChecksumMismatchError, DiskFullError, RemoteCodeError, UnsupportedModelError
from apps.models.installed_model import ModelKind
from apps.models.kinds import kind_recognised
from apps.models.models import TASK_OPEN, ModelStatus, ModelTask, ModelVersion, TaskKind, TaskState
from apps.models.modules import own_code_check
from apps.models.services.choices import VersionChoices, choices_check, names_of, version_identity
from apps.models.services.digests import KeptFile, is_as_stated, weights_digest
from apps.models.services.hub import file_pieces, repository_files
from apps.models.services.registry import ENCODERS, checkpoint_usable, version_columns
from apps.models.services.repositories import HubFile, Plan, plan_make
from apps.models.services.store import Place, folder_remove, room_check
from apps.models.services.tasks import MODEL_TASK, MODEL_TASKS, task_end, version_to_pull
from apps.models.services.versions import (
    model_hold,
    version_hold,
    version_move,
    version_registered,
    version_use_if_first,
)
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import ConflictError, LeaseLostError, ModelUnavailableError, PermanentError, TransientError
from ragsite.core.leases import Claim
from ragsite.core.work import Turn

TELL_SECONDS = 1.0
"""How often a download says how far it is, and learns whether it was cancelled."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(slots=True)
class _Download:
    """A download under way."""

    claim: Claim
    turn: Turn
    task: ModelTask
    told_at: float = 0.0

    @property
    def place(self) -> Place:
        return _place(self.task)

    @property
    def actor(self) -> Actor:
        return Actor.kept(self.task.actor, job=MODEL_TASK)

    def write(self, **columns: Any) -> None:
        """Note progress.

        Raises:
            LeaseLostError: it is somebody else's by now, or was cancelled.
        """
        held = MODEL_TASKS.held(self.claim).filter(state=TaskState.OPEN)
        if not held.update(attempts=1, error="", **columns):
            raise LeaseLostError(f"{self.task} was cancelled, or is somebody else's.")
        connection_release()

    def tell(self, done: int) -> None:
        """Note how many bytes are there, now and then. Those that an earlier start brought are no progress."""
        if time.monotonic() - self.told_at >= TELL_SECONDS:
            self.told_at = time.monotonic()
            self.tell_now(done)

    def tell_now(self, done: int) -> None:
        if done > self.task.bytes_done:
            self.write(bytes_done=done)
            self.task.bytes_done = done


def pull_work(claim: Claim, turn: Turn, task: ModelTask) -> None:
    """Download what is missing, for a turn; once all is there the version is ready.

    Raises:
        As `model_task_work`. What was downloaded is removed where trying again gives the same.
    """
    download = _Download(claim, turn, task)
    connection_release()
    with download.place.held():
        try:
            _pull(download)
        except PermanentError:
            download.place.discard()
            raise


def pull_cancel(claim: Claim, task: ModelTask) -> None:
    """Remove what was downloaded of a cancelled version. A check only ends."""
    connection_release()
    place, actor = _place(task), Actor.kept(task.actor, job=MODEL_TASK)
    if task.kind == TaskKind.PULL:
        with place.held():
            place.discard()
    with transaction.atomic():
        version = version_hold(task.version) if task.version else None
        if version is not None and version.status == ModelStatus.DOWNLOADING:
            version_move(
                version, ModelStatus.FAILED, actor=actor, error="The download was cancelled."
            )  # fmt: skip
        task_end(claim, TaskState.CANCELLED)


def _place(task: ModelTask) -> Place:
    return Place.of(task.source, task.commit, variant=task.file)


def _pull(download: _Download) -> None:
    plan, place = _plan(download), download.place
    if place.whole.is_dir():
        _check_whole(download.task, place.whole, plan)
    elif not _fetch_all(download, plan):
        return
    folder = place.whole if place.whole.is_dir() else place.partial
    checkpoint = checkpoint_usable(folder)
    files = [KeptFile(one.name, one.bytes, one.sha256 or file_sha256(folder / one.name)) for one in plan.files]
    sha256 = weights_digest(checkpoint, files)
    if download.task.sha256 not in ("", sha256):
        raise _not_asked_for(download.task, sha256)
    identity = _identity(download.task, checkpoint)
    _check_another(download.task, identity)
    if folder == place.partial:
        place.publish()
    source = download.task.source
    columns = version_columns(
        checkpoint, files, source=source, sha256=sha256, identity=identity, path=place.whole
    )  # fmt: skip
    _ready(download, checkpoint, columns)


def _identity(task: ModelTask, checkpoint: Checkpoint) -> dict[str, Any]:
    """As was chosen; of a version that was whole before as it was, since indexes may have been made with that."""
    before = task.version
    chosen = _chosen(before) if before is not None and before.sha256 else _chosen(task)
    return version_identity(checkpoint, chosen, names=names_of(task.name, task.source))


def _chosen(row: ModelTask | ModelVersion) -> VersionChoices:
    return VersionChoices(row.query_prompt, row.document_prompt, row.dimensions)


def _check_another(task: ModelTask, identity: Mapping[str, Any]) -> None:
    """Raises ConflictError: what was chosen is what another version of the same files has."""
    known = ModelVersion.objects.select_related("model").filter(model__name=task.name, revision=task.revision)
    others = known.exclude(pk=task.version.pk) if task.version is not None else known
    same = others.filter(**identity).exclude(sha256="").first()
    connection_release()
    if same is not None:
        raise ConflictError(
            f"{same} with these prompts and dimensions is known: it is {same.status}.",
            action="Check it by `models verify`.",
        )


def _plan(download: _Download) -> Plan:
    """What is downloaded; the hub is asked for it once."""
    task = download.task
    if task.plan is not None:
        return Plan.decode(task.plan, licence=task.licence)
    found, licence = repository_files(task.source, revision=task.commit)
    plan = plan_make(task.source, found, wanted=task.file, licence=licence)
    stated = [file.sha256 for file in plan.weights]
    if task.sha256 and len(stated) == 1 and stated[0] not in ("", task.sha256):
        raise _not_asked_for(task, stated[0])
    room_check(download.place, plan.bytes, promised=_promised(task))
    task.plan, task.licence = plan.encode(), licence
    download.write(plan=task.plan, licence=licence, bytes_total=plan.bytes)
    return plan


def _promised(task: ModelTask) -> int:
    """Bytes that the other downloads under way are yet to bring."""
    others = ModelTask.objects.filter(kind=TaskKind.PULL, state__in=TASK_OPEN, bytes_total__isnull=False)
    left = others.exclude(pk=task.pk).aggregate(left=Sum(F("bytes_total") - F("bytes_done")))["left"]
    connection_release()
    return int(left or 0)


def _fetch_all(download: _Download, plan: Plan) -> bool:
    """Download what is missing, small files first, as they tell what it is; False where the turn ended before."""
    done = 0
    for file in plan.files:
        if file.is_weights:
            _begin(download, download.place.partial)
        if not _fetch(download, file, before=done):
            return False
        done += file.bytes
        download.tell(done)
    download.tell_now(done)
    return True


def _fetch(download: _Download, file: HubFile, *, before: int) -> bool:
    """Download what is missing of a file, and check it; False where the turn ended before."""
    whole = download.place.partial / file.name
    if whole.is_file():
        return True
    part = whole.with_name(f"{whole.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    if part.stat().st_size < file.bytes and not _receive(download, file, part, before=before):
        return False
    if not is_as_stated(part, file):
        raise _damaged(download.task, file)
    part.rename(whole)
    return True


def _receive(download: _Download, file: HubFile, part: Path, *, before: int) -> bool:
    """Append to what is there until all is; False where the turn ended before.

    Raises:
        ModelUnavailableError: the connection broke. What came before counts as progress.
    """
    with part.open("ab") as stream:
        try:
            _append(download, file, stream, before=before)
        except TransientError:
            download.tell_now(before + stream.tell())
            raise
        return stream.tell() >= file.bytes


def _append(download: _Download, file: HubFile, stream: IO[bytes], *, before: int) -> None:
    task = download.task
    with file_pieces(task.source, file.name, revision=task.commit, start=stream.tell()) as (start, pieces):
        if start < stream.tell():
            stream.truncate(start)
            stream.seek(start)
        for piece in pieces:
            _write(stream, piece, download.place)
            download.tell(before + stream.tell())
            if download.turn.is_over() or stream.tell() > file.bytes:
                return
    if stream.tell() < file.bytes:
        raise ModelUnavailableError(
            f"The hub sent {stream.tell():,} of the {file.bytes:,} bytes of {file.name}.",
            code="hub_unavailable",
            action="It is tried again, and continues where it stopped.",
        )


def _write(stream: IO[bytes], piece: bytes, place: Place) -> None:
    try:
        stream.write(piece)
        stream.flush()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFullError(f"The disk became full while {place.whole.parent.name} was downloaded.") from error


def _begin(download: _Download, folder: Path) -> ModelVersion:
    """All but the weights is there: look at what it is, and register the version that is downloaded, if that is yet to do."""
    task = download.task
    if task.version is not None and task.version.status == ModelStatus.DOWNLOADING:
        return task.version
    plan = Plan.decode(task.plan or (), licence=task.licence)
    kind = ModelKind.GENERATION if plan.is_packed else kind_judge(folder, source=task.source)
    choices_check(_chosen(task), kind=kind, what=task.source)
    with transaction.atomic():
        model = model_hold(task.name, kind)
        version = version_to_pull(task.name, task.revision, _chosen(task))
        if version is None:
            version = ModelVersion.objects.create(
                model=model, revision=task.revision, kind=kind, source=task.source
            )  # fmt: skip
            version_registered(version, actor=download.actor)
        version_move(version, ModelStatus.DOWNLOADING, actor=download.actor, licence=task.licence)
        download.write(version=version)
    task.version = version
    return version


def kind_judge(folder: Path, *, source: str) -> ModelKind:
    """The kind of model by its configuration.

    Raises:
        RemoteCodeError: only its own code could load it.
        UnsupportedModelError: it has no configuration, or is of no kind that is offered.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UnsupportedModelError(f"{source!r} has no config.json.", action="Choose another repository.")
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    family = config.get("model_type")
    if config.get("auto_map") and family not in CONFIG_MAPPING:
        raise RemoteCodeError(f"{source!r} is of the type {family!r}, which only code of its repository can load.")
    kind = kind_recognised(folder, config)
    if kind in ENCODERS:
        own_code_check(folder)
    return kind


def _ready(download: _Download, checkpoint: Checkpoint, columns: dict[str, Any]) -> None:
    """All is there under its name: the version can be used."""
    task = download.task
    begun = _begin(download, download.place.whole)
    with transaction.atomic():
        model_hold(task.name, checkpoint.kind)
        version = ModelVersion.objects.select_related("model").get(pk=begun.pk)
        version_move(version, ModelStatus.READY, actor=download.actor, **columns)
        version_use_if_first(version, actor=download.actor)
        task_end(download.claim, TaskState.DONE, version=version, bytes_done=columns["bytes"])


def _check_whole(task: ModelTask, folder: Path, plan: Plan) -> None:
    """The folder is there already, of an earlier download: it is taken if it is the same."""
    for file in plan.files:
        if not (folder / file.name).is_file() or not is_as_stated(folder / file.name, file):
            folder_remove(str(folder))
            raise _damaged(task, file)


def _damaged(task: ModelTask, file: HubFile) -> ChecksumMismatchError:
    return ChecksumMismatchError(
        f"{file.name} of {task.source!r} is not what the hub states: it was damaged on the way, or here.",
        action="Pull it again; if it stays so, something between here and the hub changes it.",
    )


def _not_asked_for(task: ModelTask, found: str) -> ChecksumMismatchError:
    return ChecksumMismatchError(
        f"The weights of {task.source!r} at {task.commit} have the SHA-256 {found}, and {task.sha256} was asked for.",
        action="Check the commit and the digest.",
    )
